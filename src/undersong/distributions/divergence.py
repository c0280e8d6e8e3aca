"""KL(q || p) split into the parts over which it adds up, where torch knows a closed form.

Knows nothing of samples: where there is no closed form it answers None and the caller averages log q - log p.
"""

from torch import Tensor
from torch.distributions import Distribution, Independent, kl_divergence


def kl_parts(q: Distribution, p: Distribution) -> Tensor | None:
    """KL(q || p) in nats, by independent part.

    Args:
        q, p: distributions over [..., D] with equal batch shape [B].

    Returns:
        [B, G] whose sum over G is the divergence (G = D for factorised Gaussians), or None without a closed form.

    >>> import torch
    >>> from torch.distributions import Normal
    >>> one, zero = torch.ones(1, 3), torch.zeros(1, 3)
    >>> kl_parts(Independent(Normal(one, one), 1), Independent(Normal(zero, one), 1)).tolist()
    [[0.5, 0.5, 0.5]]
    """
    try:
        if isinstance(q, Independent) and isinstance(p, Independent):
            return kl_divergence(q.base_dist, p.base_dist)
        return kl_divergence(q, p)[..., None]
    except NotImplementedError:
        return None
