"""A batch of sentences as numbers: what every encoder and decoder reads.

Knows nothing of words, files or models. The store holds words only; start and end of sentence are added here, so
that the encoder, the decoder's inputs and its targets are three views of one record.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")


@dataclass(frozen=True)
class Batch:
    """B sentences, right-padded.

    Attributes:
        tokens: the words, without start or end, padded with ``PAD``: int64 [B, T].
        lengths: number of words of each sentence: int64 [B].
        index: row of each sentence in its split; keys the noise of evaluation: int64 [B].
        labels: class of each sentence, -1 where unknown: int64 [B], or None for an unlabelled corpus.
        tags: gold tag of each word, -1 where unknown and in the padding: int64 [B, T], or None for a corpus without.
        heads: gold head of each word, 1 to T, 0 for a root, -1 where unknown and in the padding: int64 [B, T], or None.
        spans: gold constituents, each (first word, word after the last, label), padded with -1: int64 [B, S, 3], or
            None. The outer of two comes first.

    >>> x = Batch.of([[7, 8, 9], [5]])
    >>> x.inputs.tolist(), x.targets.tolist()
    ([[2, 7, 8, 9], [2, 5, 0, 0]], [[7, 8, 9, 3], [5, 3, 0, 0]])
    >>> int(x.mask.sum()) == x.num_targets == 6
    True
    """

    tokens: Tensor
    lengths: Tensor
    index: Tensor
    labels: Tensor | None = None
    tags: Tensor | None = None
    heads: Tensor | None = None
    spans: Tensor | None = None

    @staticmethod
    def of(sentences: list[list[int]], index: list[int] | None = None) -> "Batch":
        """A batch of lists of word ids; rows are numbered from 0 unless ``index`` says otherwise."""
        lengths = torch.tensor([len(s) for s in sentences], dtype=torch.int64)
        width = max(1, int(lengths.max())) if sentences else 1
        tokens = torch.full((len(sentences), width), PAD, dtype=torch.int64)
        for row, sentence in enumerate(sentences):
            tokens[row, : len(sentence)] = torch.tensor(sentence, dtype=torch.int64)
        return Batch(tokens, lengths, torch.tensor(index if index is not None else range(len(sentences))))

    def __len__(self) -> int:
        return self.tokens.shape[0]

    @cached_property
    def inputs(self) -> Tensor:
        """What the decoder reads: start of sentence, then the words: [B, T + 1]."""
        return torch.nn.functional.pad(self.tokens, (1, 0), value=BOS)

    @cached_property
    def targets(self) -> Tensor:
        """What the decoder predicts: the words, then end of sentence, then padding: [B, T + 1]."""
        padded = torch.nn.functional.pad(self.tokens, (0, 1), value=PAD)
        return padded.scatter(1, self.lengths[:, None], EOS)

    @cached_property
    def mask(self) -> Tensor:
        """True where ``targets`` holds a word or the end of sentence: bool [B, T + 1]."""
        return torch.arange(self.tokens.shape[1] + 1, device=self.tokens.device) <= self.lengths[:, None]

    @cached_property
    def num_targets(self) -> int:
        """Words and ends of sentence scored in this batch."""
        return int(self.lengths.sum()) + len(self)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: part.to(device) for name, part in parts.items() if part is not None})
