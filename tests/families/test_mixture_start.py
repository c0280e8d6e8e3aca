"""Where the components of a mixture begin."""

import torch

from undersong.families import Mixture


def test_no_two_components_begin_alike() -> None:
    """Equal ones would receive equal gradients, and be one component for ever."""
    torch.manual_seed(0)
    family = Mixture(2, components=5)
    components = family(family.starting_params()).component_distribution
    assert len(components.mean.unique(dim=0)) == 5
    assert len(components.stddev.unique(dim=0)) == 5
