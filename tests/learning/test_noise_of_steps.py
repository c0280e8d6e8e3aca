"""What is random in a run: each step has noise of its own, each seed its own first weights and its own order."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.learning.small import TINY, learn
from torch import Tensor

from undersong.data.batch import Batch
from undersong.learning import Gradient, train


@dataclass(frozen=True)
class Beginning:
    """What a step finds: the state of torch's generator, all weights, and the rows of its sentences."""

    noise: bytes
    weights: Tensor
    rows: list[int]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Beginning]:
    """The beginnings of all steps that are taken."""
    found: list[Beginning] = []
    taken = Gradient.step

    def watched(self: Gradient, x: Batch, step: int) -> Any:
        weights = torch.cat([p.detach().flatten() for p in self.system.parameters()])
        found.append(Beginning(torch.get_rng_state().numpy().tobytes(), weights, x.index.tolist()))
        return taken(self, x, step)

    monkeypatch.setattr(Gradient, "step", watched)
    return found


def test_no_two_steps_have_the_same_noise(corpus: Path, tmp_path: Path, steps: list[Beginning]) -> None:
    learn(corpus, tmp_path / "run", steps=6)
    assert len({step.noise for step in steps}) == 6


def test_no_two_seeds_have_the_same_first_weights(corpus: Path, tmp_path: Path, steps: list[Beginning]) -> None:
    train(corpus, out=tmp_path / "runs", **{**TINY, "steps": 1}, seeds=[0, 1])
    first, second = steps
    assert not torch.equal(first.weights, second.weights)


def test_no_two_seeds_read_the_sentences_in_the_same_order(
    corpus: Path, tmp_path: Path, steps: list[Beginning]
) -> None:
    train(corpus, out=tmp_path / "runs", **{**TINY, "steps": 1}, seeds=[0, 1])
    first, second = steps
    assert first.rows != second.rows
