"""A likelihood is named by what its decoder scores, and a perplexity counts these tokens and no others."""

from functools import partial

import pytest
import torch
from tests.evaluation.toy import toy_corpus

from undersong.estimators import Marginal, Pathwise
from undersong.evaluation.judgement import judge
from undersong.inference import Amortized, Exact
from undersong.learning.system import System
from undersong.models import (
    VAE,
    ContinuousNaiveBayes,
    LanguageModel,
    MixtureOfExperts,
    MixtureOfRNNs,
    MixtureOfUnigrams,
)
from undersong.models.base import event
from undersong.nets import BagEncoder, BagOfWords, FirstWords, RecurrentDecoder
from undersong.objectives import ELBO

K = 3
TINY = partial(RecurrentDecoder, embedding=3, hidden=4)
FIRST = partial(FirstWords, words=2, encoder=partial(BagEncoder, embedding=3, hidden=4))
MODELS = {
    "VAE": partial(VAE, latent=K),
    "LanguageModel": LanguageModel,
    "MixtureOfRNNs": partial(MixtureOfRNNs, latent=K, code=2),
    "MixtureOfRNNs apart": partial(MixtureOfRNNs, latent=K, separate=True),
    "MixtureOfExperts": partial(MixtureOfExperts, latent=K, code=2, context=FIRST),
}


@pytest.mark.parametrize("decoder", [BagOfWords, partial(BagOfWords, hidden=2), TINY])
@pytest.mark.parametrize("name", MODELS)
def test_where_all_words_are_alike_the_perplexity_is_their_number(name, decoder, tmp_path):
    corpus = toy_corpus(tmp_path, train=5, test=20)
    vocab = corpus.vocab_size
    model = MODELS[name](vocab, decoder=decoder)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    inference = Amortized(vocab, K, partial(BagEncoder, embedding=3, hidden=4)) if name == "VAE" else Exact(vocab, K)
    for parameter in inference.parameters():
        torch.nn.init.zeros_(parameter)
    estimator = Marginal() if name.startswith("Mixture") else Pathwise()
    figures = judge(System(model, inference, estimator, ELBO()), corpus.test, samples=2).figures
    for figure in ("ppl_elbo", "ppl_is"):
        assert figures[figure] == pytest.approx(vocab, rel=1e-5)


def test_models_of_bags_score_one_event_and_models_of_sentences_another():
    bags = [VAE(9, 2, BagOfWords), LanguageModel(9, BagOfWords), MixtureOfRNNs(9, 2, 2, BagOfWords)]
    assert {event(m) for m in [*bags, ContinuousNaiveBayes(9, 2), MixtureOfUnigrams(9, 2)]} == {"bag of words"}
    sentences = [VAE(9, 2, TINY), LanguageModel(9, TINY), MixtureOfRNNs(9, 2, 2, TINY)]
    assert {event(m) for m in sentences} == {"words and end of sentence"}
    told = {event(MixtureOfExperts(9, 2, 2, FIRST, decoder)) for decoder in (BagOfWords, TINY)}
    assert len(told) == 2
