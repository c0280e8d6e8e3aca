"""Small sentences to count, and a loop around a learner without files."""

from collections.abc import Sequence

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.estimators import Marginal
from undersong.inference import Exact, Inference, Observed
from undersong.learning import System
from undersong.learning.base import Learner
from undersong.learning.seeds import sow
from undersong.nets.sentence_vectors import SentenceVectors
from undersong.objectives import ELBO

VOCAB = 14


class Projected(SentenceVectors):
    """A few fixed directions of a bag of words, for mixtures of Gaussians over small sentences."""

    def __init__(self, vocab: int, width: int = 3, seed: int = 0):
        super().__init__()
        self.width = width
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("table", torch.randn(vocab, width, generator=generator), persistent=False)

    def forward(self, x: Batch) -> Tensor:
        words = self.get_buffer("table")[x.tokens] * x.mask[:, 1:, None]
        return words.sum(1) / x.lengths.clamp(min=1)[:, None]


def system_of(model: torch.nn.Module, inference: type[Inference] = Exact) -> System:
    """A model with its own posterior."""
    return System(model, inference(model.vocab, model.latent), Marginal(), ELBO())


def labelled(model: torch.nn.Module) -> System:
    """The same, believing labels."""
    return system_of(model, Observed)


def random_batches(seed: int = 0, count: int = 3, size: int = 12, shortest: int = 2) -> list[Batch]:
    """Sentences of random words."""
    generator = torch.Generator().manual_seed(seed)

    def number(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    return [
        Batch.of([[number(4, VOCAB) for _ in range(number(shortest, 7))] for _ in range(size)], list(range(size)))
        for _ in range(count)
    ]


def climb(learner: Learner, batches: Sequence[Batch], epochs: int = 60, seed: int = 0) -> list[float]:
    """Epochs until the learner has finished, or all; the objective of each that reported one."""
    found: list[float] = []
    for epoch in range(epochs):
        for number, x in enumerate(batches):
            step = epoch * len(batches) + number
            sow(seed, step)
            learner.step(x, step)
        metrics = learner.end_epoch()
        if "objective" in metrics:
            found.append(float(metrics["objective"]))
        if learner.finished() is not None:
            break
    return found
