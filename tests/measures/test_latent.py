"""Planted active units are found, and no others."""

import torch

from undersong.measures.latent import active_units


def test_planted_units_are_counted() -> None:
    torch.manual_seed(0)
    means = torch.randn(5000, 6) * torch.tensor([1.0, 0.2, 0.11, 0.09, 0.01, 0.0])  # variances 1 to 0
    assert active_units(means) == 3
    assert active_units(means + 100) == 3
    assert active_units(means, threshold=0.5) == 1


def test_one_sentence_activates_nothing() -> None:
    assert active_units(torch.ones(1, 4)) == 0


def test_the_variance_is_over_one_sentence_less() -> None:
    """0 and 0.12 lie 0.06 from their mean: 0.0072 over N - 1 = 1, 0.0036 over N."""
    assert active_units(torch.tensor([[0.0], [0.12]]), threshold=0.005) == 1
    assert active_units(torch.tensor([[0.0], [0.12]]), threshold=0.008) == 0
