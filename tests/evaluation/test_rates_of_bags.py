"""H - D <= I(x, z) <= R for a model that is given the length: what D leaves out, H leaves out too."""

from functools import partial

import numpy as np
import pytest
import torch
from tests.evaluation.toy import split_of

from undersong.data.store import Corpus
from undersong.data.tokens import Tokenizer
from undersong.estimators import Pathwise
from undersong.evaluation.rates import Rates
from undersong.evaluation.subject import Subject
from undersong.inference import Amortized
from undersong.learning.system import System
from undersong.models import VAE, ContinuousNaiveBayes
from undersong.nets import BagEncoder, BagOfWords, RecurrentDecoder
from undersong.objectives import ELBO

A, B = 4, 5
LENGTHS = range(1, 13)


def subject(tmp_path, sentences, model) -> Subject:
    """A model whose z says nothing, and whose words are all alike."""
    tokenizer = Tokenizer.of_words(["a", "b"])
    corpus = Corpus(tmp_path, {"vocab_size": 6, "labels": None, "hash": "bags", "settings": {"lowercase": True}})
    splits = {name: split_of(sentences, None, tokenizer) for name in ("train", "valid", "test")}
    corpus.__dict__.update(tokenizer=tokenizer, **splits)
    system = System(model, Amortized(6, 1, partial(BagEncoder, embedding=2, hidden=2)), Pathwise(), ELBO())
    for parameter in system.parameters():
        torch.nn.init.zeros_(parameter)
    return Subject(system, corpus)


@pytest.mark.parametrize("model", [partial(ContinuousNaiveBayes, 6, 1), partial(VAE, 6, 1, BagOfWords)])
def test_sentences_that_differ_in_length_alone_bound_no_information(model, tmp_path):
    """All words are "a", which the model knows: D is nothing, though no two sentences are alike."""
    about = subject(tmp_path, [[A] * n for n in LENGTHS], model())
    with torch.no_grad():
        about.system.model.decoder.out.bias[A] = 1e4
    found = Rates()(about)
    assert found["distortion"] == found["rate"] == 0
    assert found["information"] == pytest.approx(0, abs=1e-12)
    assert found["information_lower"] == pytest.approx(0, abs=1e-12)


def test_the_entropy_is_that_of_the_words_given_the_length(tmp_path):
    """Of lengths 1, 1, 2 and 3, two sentences share the first: H(x) = ln 4, and H(x|T) = 1/2 ln 2."""
    sentences = [[A], [B], [A, B], [B, B, B]]
    found = Rates()(subject(tmp_path, sentences, ContinuousNaiveBayes(6, 1)))
    assert found["distortion"] == pytest.approx(np.log(6) * 7 / 4)
    assert found["information_lower"] == pytest.approx(np.log(2) / 2 - found["distortion"])


def test_a_model_that_scores_ends_is_asked_for_all_of_the_sentence(tmp_path):
    sentences = [[A], [B], [A, B], [B, B, B]]
    model = VAE(6, 1, partial(RecurrentDecoder, embedding=2, hidden=2))
    found = Rates()(subject(tmp_path, sentences, model))
    assert found["distortion"] == pytest.approx(np.log(6) * 11 / 4)
    assert found["information_lower"] == pytest.approx(np.log(4) - found["distortion"])
