"""Vectors of hidden states, and the small networks that read them.

Knows nothing of what a state stands for.
"""

import torch
from torch import Tensor, nn

from undersong.settings import need, need_share


class Residual(nn.Module):
    """One residual layer, h + W_2 relu(W_1 norm(h)): [..., H] to [..., H]."""

    def __init__(self, size: int, dropout: float = 0.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(size), nn.Linear(size, size), nn.ReLU(), nn.Dropout(dropout), nn.Linear(size, size)
        )

    def forward(self, h: Tensor) -> Tensor:
        """[..., H]"""
        return h + self.layers(h)


class Embedded(nn.Module):
    """N learned vectors [N, H] (of states, of words), each through ``layers`` residual layers and a last normalisation.

    >>> Embedded(3, size=8)().shape
    torch.Size([3, 8])
    """

    def __init__(self, count: int, size: int, layers: int = 1, dropout: float = 0.0):
        super().__init__()
        need(1, size=size)
        need(0, layers=layers)
        need_share(dropout=dropout)
        self.vectors = nn.Parameter(torch.randn(count, size))
        self.read = nn.Sequential(*[Residual(size, dropout) for _ in range(layers)], nn.LayerNorm(size))

    def forward(self) -> Tensor:
        """[N, H]"""
        return self.read(self.vectors)
