"""A mixture of K members of another family: sum_k pi_k f(z; theta_k).

Sampling picks a component; it never averages their samples. Knows nothing of priors or posteriors.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily

from undersong.families.base import Family
from undersong.families.gaussian import DiagonalGaussian
from undersong.settings import need


class Mixture(Family):
    """A mixture with learned weights (MoG of Pelsmaeker and Aziz 2020; with ``IsotropicGaussian``, IGP's MoIG).

    Args:
        dim: of the latent vector.
        components: K.
        component: the family of each component.

    >>> from undersong.families import IsotropicGaussian
    >>> Mixture(8, components=3, component=IsotropicGaussian).num_params
    30
    """

    def __init__(self, dim: int, components: int = 5, component: Callable[[int], Family] = DiagonalGaussian):
        super().__init__(dim)
        need(1, components=components)
        self.components = components
        self.component = component(dim)
        self.has_density = self.component.has_density

    @property
    def num_params(self) -> int:
        return self.components * (1 + self.component.num_params)

    def forward(self, params: Tensor) -> MixtureSameFamily:
        logits, rest = params.split([self.components, self.num_params - self.components], dim=-1)
        members = self.component(rest.unflatten(-1, (self.components, self.component.num_params)))
        return MixtureSameFamily(Categorical(logits=logits), members)

    def starting_params(self) -> Tensor:
        # Equal components would receive equal gradients for ever: start them apart.
        return torch.cat([torch.zeros(self.components), torch.randn(self.num_params - self.components)])
