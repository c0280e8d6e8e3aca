"""Invertible maps of word vectors that keep volume: additive coupling (Dinh et al. 2014, NICE).

    h_1 <- h_1,  h_2 <- h_2 + m(h_1),  and the halves change places;   |det| = 1

so log p(v) = log p(f(v)): a density of projected vectors is one of the vectors themselves (He et al. 2018). Knows
nothing of that density.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.settings import need


class Projection(Configurable, nn.Module, ABC):
    """f: vectors [N, D] to vectors [N, D], invertible, with |det| = 1; its first argument is D."""

    @abstractmethod
    def forward(self, v: Tensor) -> Tensor:
        """f(v): [N, D]."""

    @abstractmethod
    def inverse(self, u: Tensor) -> Tensor:
        """The v with f(v) = u: [N, D]."""


class Unprojected(Projection):
    """f(v) = v."""

    def __init__(self, dim: int):
        super().__init__()

    def forward(self, v: Tensor) -> Tensor:
        """v"""
        return v

    def inverse(self, u: Tensor) -> Tensor:
        """u"""
        return u


class Coupling(Projection):
    """Additive coupling layers; at the start, f(v) = v.

    Args:
        dim: D, 2 or more.
        layers: coupling layers; each changes one half of the numbers, by turns.
        hidden: units of each layer's network.

    >>> f, v = Coupling(5), torch.randn(3, 5)
    >>> bool((f.inverse(f(v)) - v).abs().max() < 1e-5)
    True
    """

    def __init__(self, dim: int, layers: int = 4, hidden: int = 100):
        super().__init__()
        need(1, layers=layers, hidden=hidden)
        self.dim, self.first = dim, dim // 2
        sizes = [
            (self.first, dim - self.first) if i % 2 == 0 else (dim - self.first, self.first) for i in range(layers)
        ]
        self.nets = nn.ModuleList(
            nn.Sequential(nn.Linear(read, hidden), nn.ReLU(), nn.Linear(hidden, changed)) for read, changed in sizes
        )
        for net in self.nets:
            last = net[2]  # type: ignore[index]
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, v: Tensor) -> Tensor:
        """f(v): [N, D]."""
        halves = [v[:, : self.first], v[:, self.first :]]
        for i, net in enumerate(self.nets):
            halves[1 - i % 2] = halves[1 - i % 2] + net(halves[i % 2])
        return torch.cat(halves, 1)

    def inverse(self, u: Tensor) -> Tensor:
        """The v with f(v) = u: [N, D]."""
        halves = [u[:, : self.first], u[:, self.first :]]
        for i in reversed(range(len(self.nets))):
            halves[1 - i % 2] = halves[1 - i % 2] - self.nets[i](halves[i % 2])
        return torch.cat(halves, 1)
