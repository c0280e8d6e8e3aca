"""Samples whose noise depends on (seed, sentence, sample number) and on nothing else.

So a sentence's figure is the same in any batch, in any order, with any padding; and the first K of S samples are the K
samples. Each kind of distribution says in one function how noise becomes a sample. Knows nothing of sentences but
their number.
"""

from functools import singledispatch

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MixtureSameFamily, Normal

from undersong.distributions.delta import Delta


def keyed_sample(q: Distribution, index: Tensor, samples: int, seed: int) -> Tensor:
    """``samples`` draws from each of B distributions, with noise keyed by (seed, index[b]).

    Args:
        q: batch shape [B], event shape [D].
        index: the sentences' numbers, int [B].
        samples: S.
        seed: of the whole evaluation.

    Returns:
        [S, B, D]; gradients flow to the parameters of ``q`` where it is reparametrised.

    >>> q = Independent(Normal(torch.zeros(2, 3), torch.ones(2, 3)), 1)
    >>> both = keyed_sample(q, torch.tensor([4, 9]), samples=5, seed=0)
    >>> swapped = keyed_sample(q, torch.tensor([9, 4]), samples=2, seed=0)
    >>> bool((both[:2, 0] == swapped[:, 1]).all())
    True
    """
    # As uint64: a list with a number from 2^63 up would become floats, and neighbouring seeds one.
    keys = (np.array([seed % 2**64, int(i) % 2**64], dtype=np.uint64) for i in index.tolist())
    streams = [np.random.Generator(np.random.Philox(key=key)) for key in keys]
    return _transport(q, streams, samples)


@singledispatch
def _transport(q: Distribution, streams: list[np.random.Generator], samples: int) -> Tensor:
    raise NotImplementedError(
        f"{type(q).__name__} does not say how noise becomes a sample: register a function in distributions/keyed.py."
    )


def _normal(streams: list[np.random.Generator], samples: int, size: int, like: Tensor) -> Tensor:
    noise = np.stack([s.standard_normal((samples, size)) for s in streams], axis=1)
    return torch.as_tensor(noise, dtype=like.dtype, device=like.device)  # [S, B, size]


@_transport.register
def _(q: Delta, streams: list[np.random.Generator], samples: int) -> Tensor:
    return q.rsample((samples,))


@_transport.register
def _(q: Independent, streams: list[np.random.Generator], samples: int) -> Tensor:
    if not isinstance(q.base_dist, Normal):
        raise NotImplementedError(f"keyed samples of Independent({type(q.base_dist).__name__}) are not defined.")
    loc, scale = q.base_dist.loc, q.base_dist.scale
    return loc + scale * _normal(streams, samples, loc.shape[-1], loc)


@_transport.register
def _(q: MixtureSameFamily, streams: list[np.random.Generator], samples: int) -> Tensor:
    loc, scale = q.component_distribution.mean, q.component_distribution.stddev  # [B, K, D]
    choice, noise = _normal(streams, samples, 1 + loc.shape[-1], loc).split([1, loc.shape[-1]], -1)
    cumulative = q.mixture_distribution.probs.cumsum(-1)[..., :-1]  # [B, K - 1]
    chosen = (torch.special.ndtr(choice) > cumulative).sum(-1)  # [S, B]
    rows = torch.arange(loc.shape[0], device=loc.device)
    return loc[rows, chosen] + scale[rows, chosen] * noise
