"""Looks at held-out sentences: which sentences, when, which of them count, and what share their KL is."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.learning.small import learn

from undersong.data.store import Corpus
from undersong.draw import FINAL, Draw
from undersong.inference import Amortized
from undersong.learning import EM, Gradient, Learner, Run, StepwiseEM, System
from undersong.learning.validation import Validation, figures
from undersong.models import MixtureOfUnigrams
from undersong.objectives import Beta, Linear


def looks(run: Run) -> list[int]:
    """The steps after which held-out sentences were looked at."""
    return [line["step"] for line in run.metrics() if line["kind"] == "valid"]


def test_a_look_at_some_sentences_is_spread_over_the_split(corpus: Path) -> None:
    look = Validation(Corpus.open(corpus).valid, 6, 24, 0, torch.device("cpu"))
    assert sorted(np.concatenate(look.chunks)) == [0, 10, 20, 30, 40, 50]


def test_the_last_step_is_followed_by_a_look(corpus: Path, tmp_path: Path) -> None:
    assert looks(learn(corpus, tmp_path / "run", steps=7, validation_steps=5)) == [5, 7]


def test_patience_counts_no_look_before_the_first_step_at_the_final_coefficients(corpus: Path, tmp_path: Path) -> None:
    """With a learning rate of nothing only the first look is better; the second comes just as the schedule ends."""
    still, rising = partial(Gradient, lr=0.0), Beta(Linear(0.0, 1.0, steps=20))
    run = learn(corpus, tmp_path / "run", learner=still, objective=rising, epochs=9, patience=2)
    assert looks(run) == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("learner", "better"), [(partial(EM, tolerance=0.0), [2, 10, 20, 30]), (StepwiseEM, [2, 10, 12])]
)
def test_patience_counts_no_look_at_parameters_that_were_looked_at_before(
    corpus: Path, tmp_path: Path, learner: Callable[[System], Learner], better: list[int]
) -> None:
    """The first M-step is that of step 10, and EM has one every 10 steps; each is better than the one before."""
    still: dict[str, Any] = {"model": partial(MixtureOfUnigrams, latent=3, smoothing=1.0), "inference": Amortized}
    run = learn(corpus, tmp_path / "run", learner=learner, validation_steps=2, epochs=3, patience=1, **still)
    found = [line["step"] for line in run.metrics() if line["kind"] == "valid" and line["best"]]
    assert found[: len(better)] == better


def test_the_share_of_the_kl_is_that_at_the_final_coefficients() -> None:
    """A distortion of 10 and a KL of 2, which at first costs nothing."""
    zeros = torch.zeros(1, 3)
    drawn = Draw(log_px=zeros - 10, log_pz=zeros, log_qz=zeros, parts=torch.ones(3, 2), step=FINAL)
    system: Any = SimpleNamespace(objective=Beta(Linear(0.0, 1.0, steps=10)), model=SimpleNamespace(latent=2))
    assert figures(system, drawn, torch.zeros(3, 2))["kl_percent"] == pytest.approx(100 * 2 / 12)
