"""Small sentences to count."""

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.nets.sentence_vectors import SentenceVectors

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


def random_batches(seed: int = 0, count: int = 3, size: int = 12, shortest: int = 2) -> list[Batch]:
    """Sentences of random words."""
    generator = torch.Generator().manual_seed(seed)

    def number(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    return [
        Batch.of([[number(4, VOCAB) for _ in range(number(shortest, 7))] for _ in range(size)], list(range(size)))
        for _ in range(count)
    ]
