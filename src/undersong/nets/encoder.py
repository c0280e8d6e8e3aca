"""The recurrent encoder: the hidden state after a sentence's last word (Bowman et al. 2016).

Knows nothing of the posterior it serves.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from undersong.data.batch import Batch
from undersong.nets.base import Encoder
from undersong.nets.recurrent import LSTM, Recurrent
from undersong.settings import need, need_share


class RecurrentEncoder(Encoder):
    """Words to one vector, through an LSTM or a GRU.

    Args:
        vocab: V; follows from the corpus.
        embedding: size of the word vectors.
        hidden: H, size of the recurrent state and of the features.
        dropout: share of the word vectors' numbers dropped in training.
        layer: ``LSTM`` or ``GRU``.

    Raises:
        UserError: for a size under 1, or a dropout outside 0 to 1.

    >>> RecurrentEncoder(50, hidden=7)(Batch.of([[5, 6], [8]])).shape
    torch.Size([2, 7])
    """

    def __init__(
        self,
        vocab: int,
        embedding: int = 200,
        hidden: int = 512,
        dropout: float = 0.0,
        layer: Callable[[int, int], Recurrent] = LSTM,
    ):
        super().__init__()
        need(1, embedding=embedding, hidden=hidden)
        need_share(dropout=dropout)
        self.width = hidden
        self.embed = word_vectors(vocab, embedding)
        self.dropout = nn.Dropout(dropout)
        self.layer = layer(embedding, hidden)

    def forward(self, x: Batch) -> Tensor:
        """The state after each sentence's last word: [B, H]."""
        vectors, where = read_words(x.tokens, self.embed, self.dropout)
        outputs, _ = self.layer(vectors, where=where)  # [B, T, H]
        last = (x.lengths - 1).clamp(min=0)
        return outputs[torch.arange(len(x), device=outputs.device), last]


def word_vectors(vocab: int, size: int) -> nn.Embedding:
    """Word vectors [V, E], small at the start: a recurrent layer saturates on torch's unit normal ones."""
    embed = nn.Embedding(vocab, size)
    nn.init.uniform_(embed.weight, -0.1, 0.1)
    return embed


def read_words(words: Tensor, embed: nn.Embedding, dropout: nn.Dropout) -> tuple[Tensor, Tensor]:
    """Word vectors [U, E] and where each is read [B, T]: every word once, or every place once under dropout.

    Args:
        words: int64 [B, T].
        embed: [V, E].
        dropout: of the vectors' numbers, drawn anew at every place.

    >>> vectors, where = read_words(torch.tensor([[7, 5], [5, 5]]), word_vectors(9, 3), nn.Dropout(0.0))
    >>> tuple(vectors.shape), where.tolist()
    ((2, 3), [[1, 0], [0, 0]])
    """
    if dropout.training and dropout.p:
        return dropout(embed(words.flatten())), torch.arange(words.numel(), device=words.device).view_as(words)
    different, where = words.unique(return_inverse=True)
    return embed(different), where
