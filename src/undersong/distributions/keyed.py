"""Samples whose noise depends on (seed, sentence, sample number) and on nothing else.

So a sentence's figure is the same in any batch, in any order, with any padding; and the first K of S samples are the K
samples. Noise is standard normal; independent dimensions take it by their quantile functions, other kinds of
distribution say in one function how it becomes a sample. Knows nothing of sentences but their number.
"""

from collections.abc import Iterator
from functools import singledispatch

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MixtureSameFamily, Normal

from undersong.distributions.delta import Delta
from undersong.settings import lowest_bits


def keyed_sample(q: Distribution, index: Tensor, samples: int, seed: int) -> Tensor:
    """``samples`` draws from each of B distributions, with noise keyed by (seed, index[b]).

    Args:
        q: batch shape [B], event shape [D].
        index: the sentences' numbers, int [B].
        samples: S.
        seed: of the whole evaluation; any integer.

    Returns:
        [S, B, D]; gradients flow to the parameters of ``q`` where it is reparametrised.

    Raises:
        NotImplementedError: nothing says how noise becomes a sample of this distribution.

    >>> q = Independent(Normal(torch.zeros(2, 3), torch.ones(2, 3)), 1)
    >>> both = keyed_sample(q, torch.tensor([4, 9]), samples=5, seed=0)
    >>> swapped = keyed_sample(q, torch.tensor([9, 4]), samples=2, seed=0)
    >>> bool((both[:2, 0] == swapped[:, 1]).all())
    True
    """
    streams = [np.random.Generator(stream) for stream in keyed_streams(index, seed)]
    try:
        return _transport(q, streams, samples)
    except NotImplementedError:
        raise NotImplementedError(
            f"{_name(q)} does not say how noise that is keyed to a sentence becomes a sample: give its dimensions a "
            "quantile function (`icdf`) and a mean, or tell distributions/keyed.py in one function."
        ) from None


def keyed_streams(index: Tensor, seed: int) -> Iterator[np.random.Philox]:
    """The bits that the noise is made of: a stream for each of B numbers, int [B], keyed by (seed, number)."""
    for number in index.tolist():
        # As uint64: a list with a number from 2^63 up would become floats, and neighbouring seeds one.
        yield np.random.Philox(key=np.array([lowest_bits(seed), lowest_bits(number)], dtype=np.uint64))


def _name(q: Distribution) -> str:
    inner = getattr(q, "component_distribution", getattr(q, "base_dist", None))
    return type(q).__name__ if inner is None else f"{type(q).__name__} of {_name(inner)}"


@singledispatch
def _transport(q: Distribution, streams: list[np.random.Generator], samples: int) -> Tensor:
    raise NotImplementedError(type(q).__name__)


def _normal(streams: list[np.random.Generator], samples: int, size: int, like: Tensor) -> Tensor:
    noise = np.stack([s.standard_normal((samples, size)) for s in streams], axis=1)
    return torch.as_tensor(noise, dtype=like.dtype, device=like.device)  # [S, B, size]


@_transport.register
def _(q: Delta, streams: list[np.random.Generator], samples: int) -> Tensor:
    return q.rsample((samples,))


@_transport.register
def _(q: Independent, streams: list[np.random.Generator], samples: int) -> Tensor:
    like = q.base_dist.mean
    return _placed(q, _normal(streams, samples, like.shape[-1], like))


@_transport.register
def _(q: MixtureSameFamily, streams: list[np.random.Generator], samples: int) -> Tensor:
    probs, dim = q.mixture_distribution.probs, q.event_shape[0]  # [B, K]
    choice, noise = _normal(streams, samples, 1 + dim, probs).split([1, dim], -1)
    chosen = (torch.special.ndtr(choice) > probs.cumsum(-1)[..., :-1]).sum(-1)  # [S, B]
    every = _placed(q.component_distribution, noise[:, :, None])  # [S, B, K, D]
    return every.take_along_dim(chosen[..., None, None], 2).squeeze(2)


def _placed(p: Distribution, noise: Tensor) -> Tensor:
    """Standard normal noise as samples of independent dimensions, by each one's quantile function."""
    base = p.base_dist if isinstance(p, Independent) else p
    if isinstance(base, Normal):
        return base.loc + base.scale * noise
    least = torch.finfo(noise.dtype).eps
    return base.icdf(torch.special.ndtr(noise).clamp(least, 1 - least))
