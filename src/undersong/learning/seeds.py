"""Randomness as a pure function of (seed, step): no generator's state is ever stored.

Knows nothing of what is random.
"""

import torch

_BITS = 2**64 - 1


def mix(seed: int, step: int) -> int:
    """One 64-bit number of two, well spread (the finaliser of SplitMix64, twice).

    >>> mix(0, 1) != mix(1, 0)
    True
    """
    return _spread(_spread(seed & _BITS) + (step & _BITS))


def sow(seed: int, step: int) -> None:
    """Set torch's generators for this step; step -1 is the making of the parameters."""
    torch.manual_seed(mix(seed, step))


def _spread(number: int) -> int:
    number = (number + 0x9E3779B97F4A7C15) & _BITS
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _BITS
    return number ^ (number >> 31)
