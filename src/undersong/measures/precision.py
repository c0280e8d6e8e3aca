"""Double precision, wherever a tensor is.

Knows nothing of what is computed.
"""

import torch
from torch import Tensor


def home(device: torch.device) -> torch.device:
    """Where numbers of that device can be float64: the CPU for Apple's MPS, which has none; else the device itself."""
    return torch.device("cpu") if device.type == "mps" else device


def float64(t: Tensor) -> Tensor:
    """``t`` in float64, on its own device where that has float64, else on the CPU.

    >>> float64(torch.ones(1)).dtype
    torch.float64
    """
    return t.to(home(t.device)).double()
