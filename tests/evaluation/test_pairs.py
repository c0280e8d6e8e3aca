"""Differences between models: planted ones are found, and the tests are named."""

import numpy as np
import pytest
from tests.evaluation.toy import Told, language_model, toy_corpus, vae

from undersong.errors import UserError
from undersong.evaluation.pairs import compare_reconstructions, sentence_scores
from undersong.evaluation.rates import Rates, nats
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
    for name in ("rate", "distortion", "information", "elbo"):  # both have the same weights
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


def test_a_language_model_is_compared_by_its_likelihood_alone(tmp_path):
    corpus = toy_corpus(tmp_path, test=60)
    scores = [sentence_scores(Subject(system, corpus)) for system in (language_model(corpus), vae(corpus))]
    assert set(scores[0]) == {"row", "elbo"}
    found = compare_reconstructions(*scores, resamples=200)
    assert set(found) == {"elbo"}
    assert found["elbo"].difference == pytest.approx(scores[0]["elbo"].mean() - scores[1]["elbo"].mean())


def test_models_that_share_no_score_are_not_compared(tmp_path):
    corpus = toy_corpus(tmp_path)
    told, point = (sentence_scores(Subject(s, corpus)) for s in (language_model(corpus), vae(corpus, point=True)))
    assert "elbo" not in point
    assert compare_reconstructions(told, point) == {}


def test_each_sentences_nats_are_in_the_order_of_the_rows(tmp_path):
    corpus = toy_corpus(tmp_path)
    system = vae(corpus)
    whole = sentence_scores(Subject(system, corpus))
    for row in (0, 7, 31):
        subject = Subject(system, corpus)
        alone = nats(subject, np.array([row]))
        for name in ("rate", "distortion", "elbo"):
            assert alone[name][0] == pytest.approx(whole[name][row], rel=1e-4), name
        assert whole["elbo"][row] == pytest.approx(-whole["distortion"][row] - whole["rate"][row], rel=1e-5)
