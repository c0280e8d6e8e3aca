"""Differences between models: planted ones are found, and the tests are named."""

import pytest
from tests.evaluation.toy import Told, toy_corpus, vae

from undersong.errors import UserError
from undersong.evaluation.pairs import compare_methods, compare_reconstructions, sentence_scores
from undersong.evaluation.rates import Rates
from undersong.evaluation.reconstruction import Reconstruction
from undersong.evaluation.subject import Subject


def test_two_models_on_the_same_sentences(tmp_path):
    corpus = toy_corpus(tmp_path, test=200)
    originals = {row: corpus.test.ids(row).tolist() for row in range(200)}
    worse = {row: ids if row % 4 else ids[:1] for row, ids in originals.items()}  # one in four is cut short
    subjects = [Subject(vae(corpus), corpus, search=Told(told)) for told in (originals, worse)]
    scores = [sentence_scores(subject) for subject in subjects]
    found = compare_reconstructions(*scores, resamples=500)
    whole = [Reconstruction()(subject) for subject in subjects]
    for name in ("rate", "distortion", "information"):  # both have the same weights
        assert found.pop(name).p == 1.0
    for name, comparison in found.items():
        assert comparison.difference == pytest.approx(whole[0][name] - whole[1][name]), name
        assert comparison.real(), name
        assert comparison.test == "paired bootstrap over 200 sentences"
    assert found["exact_match"].difference == pytest.approx(0.25)
    assert not any(c.real() for c in compare_reconstructions(scores[0], scores[0], resamples=100).values())


def test_each_sentences_nats_add_up_to_the_rates(tmp_path):
    corpus = toy_corpus(tmp_path)
    subject = Subject(vae(corpus), corpus)
    each, whole = sentence_scores(subject), Rates()(subject)
    for name in ("rate", "distortion", "information"):
        assert each[name].mean() == pytest.approx(whole[name])
    assert "rate" not in sentence_scores(Subject(vae(corpus, point=True), corpus))


def test_different_sentences_are_not_compared(tmp_path):
    corpus = toy_corpus(tmp_path)
    scores = [sentence_scores(Subject(vae(corpus), corpus, sentences=5, seed=seed)) for seed in (0, 1)]
    with pytest.raises(UserError, match="different sentences"):
        compare_reconstructions(*scores)


def test_methods_are_compared_over_seeds():
    first = [{"a": 1.0, "b": None, "c": 1.0}, {"a": 1.1, "b": 1.0}]
    second = [{"a": 5.0, "b": 1.0}, {"a": 5.1, "b": 1.0}]
    found = compare_methods(first, second)
    assert set(found) == {"a"}
    assert found["a"].real()
    assert found["a"].test == "Welch's t-test over 2 and 2 seeds"
    assert compare_methods(first[1:], second)["a"] is None
