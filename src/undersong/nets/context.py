"""What a conditional model is given beside the sentence it must score, and what is then left to be scored.

Knows nothing of what is made of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import PAD, Batch
from undersong.errors import UserError
from undersong.nets.base import Encoder
from undersong.nets.encoder import RecurrentEncoder
from undersong.settings import need


class Context(Configurable, nn.Module, ABC):
    """c, as features of ``width`` numbers; its first argument is the vocabulary's size.

    Attributes:
        width: F.
        event: what is scored given c, in words.
        reads: the annotation that c is made of, such as "labels"; None for what is made of words.
    """

    width: int
    event: str
    reads: str | None = None

    @abstractmethod
    def forward(self, x: Batch) -> Tensor:
        """The features of each sentence's context: [B, F]."""

    @abstractmethod
    def rest(self, x: Batch) -> Batch:
        """What is left to be scored, given the context."""

    @abstractmethod
    def scored_tokens(self, lengths: NDArray[np.int32]) -> NDArray[np.int64]:
        """Of sentences of so many words [N], how many words and ends are left to be scored: [N]."""


class FirstWords(Context):
    """The first words of the sentence are given; what follows them, and the end, is scored.

    Args:
        vocab: V; follows from the corpus.
        words: how many are given.
        encoder: reads them, given V.

    >>> context = FirstWords(50, words=2)
    >>> context.rest(Batch.of([[5, 6, 7, 8], [9]])).tokens.tolist()
    [[7, 8], [0, 0]]
    """

    def __init__(self, vocab: int, words: int = 3, encoder: Callable[[int], Encoder] = RecurrentEncoder):
        super().__init__()
        need(1, words=words)
        self.words = words
        self.encoder = encoder(vocab)
        self.width = self.encoder.width
        self.event = f"what follows the first {words} words, and end of sentence"

    def forward(self, x: Batch) -> Tensor:
        """The encoder's features of the first words: [B, F]."""
        return self.encoder(replace(x, tokens=x.tokens[:, : self.words], lengths=x.lengths.clamp(max=self.words)))

    def rest(self, x: Batch) -> Batch:
        """The words after those; none where the sentence has no more."""
        tokens = x.tokens[:, self.words :]
        if not tokens.shape[1]:
            tokens = torch.full_like(x.tokens[:, :1], PAD)
        return replace(x, tokens=tokens, lengths=(x.lengths - self.words).clamp(min=0))

    def scored_tokens(self, lengths: NDArray[np.int32]) -> NDArray[np.int64]:
        """The words after those, and the end."""
        return np.maximum(lengths.astype(np.int64) - self.words, 0) + 1


class Label(Context):
    """The sentence's class is given; all of the sentence is scored.

    Args:
        vocab: V; follows from the corpus.
        classes: how many there are.
        size: numbers a class's vector has.
    """

    event = "words and end of sentence, given the label"
    reads = "labels"

    def __init__(self, vocab: int, classes: int, size: int = 32):
        super().__init__()
        need(1, size=size)
        self.width = size
        self.embed = nn.Embedding(classes + 1, size)  # the first is for the unknown class

    def forward(self, x: Batch) -> Tensor:
        """A vector of each sentence's class: [B, F].

        Raises:
            UserError: the corpus has no labels, or more than ``classes``.
        """
        largest = -1 if x.labels is None or not len(x) else int(x.labels.max())
        if x.labels is None or largest + 1 >= self.embed.num_embeddings:
            said = "no labels" if x.labels is None else f"label number {largest}, and the context fewer classes"
            raise UserError(f"The corpus has {said}: prepare it with labels, and set classes to how many there are.")
        return self.embed(x.labels + 1)

    def rest(self, x: Batch) -> Batch:
        """The sentence itself."""
        return x

    def scored_tokens(self, lengths: NDArray[np.int32]) -> NDArray[np.int64]:
        """All words, and the end."""
        return lengths.astype(np.int64) + 1
