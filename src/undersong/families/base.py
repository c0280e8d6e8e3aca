"""A family maps unconstrained numbers to a distribution over latent vectors.

One family serves the amortised posterior (its numbers come from a linear head), the posterior of a single sentence
(free numbers), the prior (zeros, or learned) and a mixture's component. Knows nothing of where its numbers come from.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.configurable import Configurable


class Family(Configurable, nn.Module, ABC):
    """Distributions over vectors of ``dim`` numbers; zeros give the standard member.

    Write ``num_params`` and ``forward``; amortised and per-sentence inference, priors and mixtures come free.

    Attributes:
        has_density: False where all mass is at points.
    """

    has_density: bool = True

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    @property
    @abstractmethod
    def num_params(self) -> int:
        """P, how many unconstrained numbers make one member."""

    @abstractmethod
    def forward(self, params: Tensor) -> Distribution:
        """Params [..., P] to a distribution with batch shape [...] and event shape [dim]."""

    def starting_params(self) -> Tensor:
        """Numbers [P] from which a learned member starts."""
        return torch.zeros(self.num_params)
