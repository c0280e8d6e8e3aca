"""What log-scores are scaled by before they are exponentiated.

Knows nothing of what is scored.
"""

import torch
from torch import Tensor


def finite(top: Tensor) -> Tensor:
    """The largest of some log-scores as what to take off them: 0 where all are -inf, which stay so.

    >>> finite(torch.tensor([-torch.inf, 3.0])).tolist()
    [0.0, 3.0]
    """
    return torch.where(top == -torch.inf, 0.0, top)
