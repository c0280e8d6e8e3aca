"""A likelihood is named by what its decoder scores, and a perplexity counts these tokens and no others."""

from functools import partial

import pytest
import torch
from tests.evaluation.toy import toy_corpus
from tests.models.vectors import planted_vectors

from undersong.estimators import Marginal, Pathwise
from undersong.evaluation.judgement import judge
from undersong.inference import Amortized, Exact
from undersong.learning.system import System
from undersong.models import (
    HMM,
    VAE,
    ContinuousNaiveBayes,
    FactorialHMM,
    GaussianHMM,
    LanguageModel,
    MixtureOfExperts,
    MixtureOfRNNs,
    MixtureOfUnigrams,
)
from undersong.models.base import event, scores_ends
from undersong.nets import BagEncoder, BagOfWords, FirstWords, RecurrentDecoder
from undersong.nets.gaussian_sum import GaussianSum
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
    told = [MixtureOfExperts(9, 2, 2, FIRST, decoder) for decoder in (BagOfWords, TINY)]
    after = "what follows the first 2 words"
    assert [event(m) for m in told] == [after, f"{after}, and end of sentence"]
    assert [scores_ends(m) for m in told] == [False, True]


@pytest.mark.parametrize("ends", [True, False])
def test_ends_are_counted_where_they_are_scored_be_it_of_words_or_of_their_vectors(ends, tmp_path):
    corpus = toy_corpus(tmp_path, train=5, test=20)
    file = planted_vectors(tmp_path / "vectors.safetensors", corpus.vocab_size, classes=3)
    models = [
        HMM(corpus.vocab_size, 2, ends=ends),
        FactorialHMM(corpus.vocab_size, 2, 2, ends=ends),
        GaussianHMM(corpus.vocab_size, file, 2, ends=ends),
        FactorialHMM(corpus.vocab_size, 2, 2, ends=ends, emission=partial(GaussianSum, vectors=file)),
    ]
    words, sentences = int(corpus.test.lengths.sum()), len(corpus.test)
    for model in models:
        system = System(model, Exact(corpus.vocab_size, model.latent), Marginal(), ELBO())
        assert judge(system, corpus.test).figures["tokens"] == words + ends * sentences
