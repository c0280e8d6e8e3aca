"""One fixed vector for each sentence: what a mixture of Gaussians clusters.

Whatever maps a batch to vectors and learns nothing may stand here: means of word vectors are below; the posterior
means of a trained run are ``learning.PosteriorMeans``. Knows nothing of clusters.
"""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import PAD, Batch
from undersong.data.vectors import read_vectors
from undersong.errors import UserError


class SentenceVectors(Configurable, nn.Module, ABC):
    """Sentences to vectors of ``width`` numbers, without parameters; its first argument is the vocabulary's size."""

    width: int
    mark: str = ""  # what tells these vectors from others
    made_of: str | None = None  # the mark of the vocabulary whose words they are of

    @abstractmethod
    def forward(self, x: Batch) -> Tensor:
        """A vector for each sentence: [B, D]."""


class MeanOfWords(SentenceVectors):
    """The mean of word vectors, frequent words weighing less (Arora, Liang and Ma 2017, without their last step).

        v = sum_t a(x_t) e(x_t) / T,    a(w) = rarity / (rarity + p(w))

    Args:
        vocab: V; follows from the corpus.
        file: word vectors of the same corpus, from ``undersong vectors``; a wide window serves best here.
        rarity: how frequent a word is that counts half; 0 for the plain mean.

    Raises:
        UserError: the file is missing, or not of this vocabulary.
    """

    def __init__(self, vocab: int, file: Path = Path("vectors.safetensors"), rarity: float = 1e-3):
        super().__init__()
        if not rarity >= 0:
            raise UserError(f"A rarity of {rarity:g}: give 0 (a plain mean) or more.")
        found = read_vectors(Path(file), vocab)
        vectors, counts = torch.from_numpy(found.vectors), torch.from_numpy(found.counts).double()
        share = counts / counts.sum().clamp(min=1)
        weight = rarity / (rarity + share) if rarity else torch.ones_like(share)
        self.made_of = found.vocabulary
        self.width, self.mark = vectors.shape[1], f"{found.mark}, rarity {rarity:g}"
        self.register_buffer("weighted", (vectors * weight[:, None]).float(), persistent=False)

    def forward(self, x: Batch) -> Tensor:
        """The weighted mean; nought for a sentence without words: [B, D]."""
        weighted = self.get_buffer("weighted")
        return (
            torch.nn.functional.embedding_bag(x.tokens, weighted, mode="sum", padding_idx=PAD)
            / (x.lengths.clamp(min=1)[:, None])
        )
