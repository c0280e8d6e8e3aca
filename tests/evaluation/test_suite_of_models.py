"""The suite on every kind of model: what has no meaning for one is left out with its reason."""

from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.toy import toy_corpus
from tests.models.every import MODELS, system_of
from torch import nn

from undersong import models
from undersong.evaluation.agreement import Agreement, Imputation
from undersong.evaluation.generation import Diversity, Lengths, Smoothness
from undersong.evaluation.judge import JudgeTraining
from undersong.evaluation.rates import Rates
from undersong.evaluation.reconstruction import Reconstruction
from undersong.evaluation.scoring import scored_tokens
from undersong.evaluation.shape import PosteriorShape
from undersong.evaluation.subject import Subject
from undersong.evaluation.suite import examine

ASKED = (Reconstruction(), Lengths(), Smoothness(2, 3), Diversity(), Rates(), PosteriorShape())


def test_the_table_has_every_model() -> None:
    kinds = {name for name in models.__all__ if isinstance(getattr(models, name), type)}
    assert MODELS.keys() == {name for name in kinds if issubclass(getattr(models, name), nn.Module)} - {"Tabular"}


@pytest.mark.parametrize("name", MODELS)
def test_what_a_model_cannot_answer_is_left_out(name: str, tmp_path: Path) -> None:
    corpus = toy_corpus(tmp_path, train=20, test=6)
    answers = examine(Subject(system_of(name, tmp_path), corpus, samples=4), ASKED)
    assert set(answers.seconds) | set(answers.left_out) == {measure.name for measure in ASKED}
    silent = name in ("MixtureOfExperts", "GaussianMixture")  # one writes only from a context, one has no words at all
    assert ("diversity" in answers.left_out) == silent
    bags = name in ("MixtureOfUnigrams", "ContinuousNaiveBayes")  # whose samples are as long as one likes
    assert ("lengths" in answers.left_out) == (silent or bags)


@pytest.mark.parametrize(("name", "tokens"), [("HMM", 4), ("GaussianHMM", 4), ("MixtureOfUnigrams", 3)])
def test_ends_are_counted_where_they_are_scored_be_it_of_words_or_of_their_vectors(
    name: str, tokens: int, tmp_path: Path
) -> None:
    assert scored_tokens(system_of(name, tmp_path).model, np.array([3], np.int32)).tolist() == [tokens]


def test_no_judge_is_trained_for_a_model_that_writes_nothing_to_be_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = toy_corpus(tmp_path, train=20, test=6)
    monkeypatch.setattr(JudgeTraining, "_train", lambda *_: pytest.fail("a judge was trained"))
    answers = examine(Subject(system_of("CompoundPCFG", tmp_path), corpus), [Agreement(), Imputation()])
    assert set(answers.left_out.values()) == {"the model has no decoder that writes sentences from z"}
