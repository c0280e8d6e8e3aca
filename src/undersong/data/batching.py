"""Which sentences go together in a batch, and in what order, epoch by epoch.

Sentences are sorted by length after a shuffle, cut into batches, and the batches shuffled: padding is nearly none (only
a batch that straddles two lengths has any), yet equal-length neighbours differ each epoch. The order is a pure function
of (seed, epoch), so that a resumed run sees what it would have seen.

Knows nothing of models or words.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from undersong.data.batch import Batch
from undersong.data.store import Split
from undersong.settings import lowest_bits


class Batches:
    """The batches of a split, bounded by sentences or by tokens.

    Args:
        split: the sentences.
        sentences: largest number of sentences in a batch; 128 if neither bound is given.
        tokens: largest number of words in a batch, padding and ends of sentence included (a sentence longer than that
            is a batch of its own).
        seed: of the shuffles.

    Raises:
        ValueError: both bounds are given, or a bound is not positive.
    """

    def __init__(self, split: Split, sentences: int | None = None, tokens: int | None = None, seed: int = 0) -> None:
        if sentences is not None and tokens is not None:
            raise ValueError("Batches are bounded by sentences or by tokens, not by both: give one of them.")
        if (sentences is not None and sentences < 1) or (tokens is not None and tokens < 1):
            raise ValueError("A batch holds at least one sentence: give a positive bound.")
        self.split, self.tokens, self.seed = split, tokens, seed
        self.sentences = sentences if sentences is not None else 128
        # Longest first: then the first sentence of a batch is its longest, and bounds the batch's padded size.
        self._cuts = self._cut(np.sort(split.lengths)[::-1])

    def __len__(self) -> int:
        """Batches in an epoch; the same in every epoch."""
        return len(self._cuts) - 1

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, each sentence once.

        Args:
            epoch: number of the epoch, from 0.
            start: batches to leave out at the beginning, when a run resumes inside an epoch.
        """
        for rows in self.rows(epoch)[start:]:
            yield self.split.batch(rows)

    def rows(self, epoch: int) -> list[NDArray[np.int64]]:
        """The row numbers of each batch of one epoch, in order."""
        random = np.random.Generator(np.random.Philox(key=np.array([lowest_bits(self.seed), epoch], dtype=np.uint64)))
        shuffled = random.permutation(len(self.split))
        by_length = shuffled[np.argsort(-self.split.lengths[shuffled], kind="stable")]
        batches = [by_length[a:b] for a, b in zip(self._cuts[:-1], self._cuts[1:], strict=True)]
        return [batches[i] for i in random.permutation(len(batches))]

    def in_order(self) -> Iterator[Batch]:
        """All sentences as they lie in the split, without shuffling, for evaluation and for writing rows out."""
        count = len(self.split)
        longest = int(self.split.lengths.max(initial=1))
        size = self.sentences if self.tokens is None else max(1, self.tokens // (longest + 1))
        for first in range(0, count, size):
            yield self.split.batch(np.arange(first, min(first + size, count)))

    def _cut(self, lengths: NDArray[np.int32]) -> list[int]:
        """Where batches begin and end, for lengths in falling order."""
        cuts = [0]
        while cuts[-1] < len(lengths):
            size = self.sentences
            if self.tokens is not None:
                size = max(1, self.tokens // (int(lengths[cuts[-1]]) + 1))
            cuts.append(min(cuts[-1] + size, len(lengths)))
        return cuts
