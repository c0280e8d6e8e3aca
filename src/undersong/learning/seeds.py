"""Randomness as a pure function of (seed, step): no generator's state is ever stored.

Knows nothing of what is random.
"""

import numpy as np
import torch

from undersong.data.noise import splitmix64

_BITS = 2**64 - 1


def mix(seed: int, step: int) -> int:
    """One 64-bit number of two, well spread (SplitMix64, twice).

    >>> mix(0, 1) != mix(1, 0)
    True
    """
    spread = splitmix64(np.array([seed & _BITS], np.uint64))
    return int(splitmix64(spread + np.uint64(step & _BITS))[0])


def sow(seed: int, step: int) -> None:
    """Set torch's generators for this step; step -1 is the making of the parameters."""
    torch.manual_seed(mix(seed, step))
