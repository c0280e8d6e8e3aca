"""How much of a latent vector is used.

Knows nothing of models: it reads the posterior means of sentences.
"""

from torch import Tensor

from undersong.measures.precision import float64


def active_units(means: Tensor, threshold: float = 0.01) -> int:
    """Dimensions whose posterior mean varies over sentences: Var_x(E_q[z_d]) > threshold (Burda et al. 2016).

    Args:
        means: posterior mean of each sentence, [N, D].
        threshold: on the variance (over N - 1).

    >>> import torch
    >>> active_units(torch.tensor([[0.0, 1.0], [0.0, -1.0]]))
    1
    """
    return int(is_active(means, threshold).sum())


def is_active(means: Tensor, threshold: float = 0.01) -> Tensor:
    """Which dimensions are active, as above: [N, D] -> bool [D]."""
    return variances(means) > threshold


def variances(means: Tensor) -> Tensor:
    """Variance over sentences of each dimension's posterior mean: [N, D] -> [D]; of one sentence, 0."""
    return float64(means).var(0, correction=1) if len(means) > 1 else float64(means.new_zeros(means.shape[1:]))
