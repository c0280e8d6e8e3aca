"""One pass over a split: every sentence encoded, its draw (or as many as the objective takes) scored, nothing averaged.

Dropout is off, and noise is keyed by (seed, sentence), so that no number depends on its batch. Knows nothing of files,
nor of what the numbers will be called.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Distribution

from undersong.data.store import Split
from undersong.decoding.progress import shown
from undersong.draw import Draw, joined, numbers
from undersong.learning.system import System
from undersong.learning.validation import cat_means, posterior_mean
from undersong.measures.information import mutual_information
from undersong.models import ExactModel, Model
from undersong.models.base import scores_ends


@dataclass(frozen=True)
class Scores:
    """What a model says of N sentences.

    Attributes:
        rows: their rows in the split, by length [N]; all else is in this order.
        tokens: words of each, and its end where the model scores that [N].
        draw: the joined record of all; None where the posterior cannot be sampled with keyed noise.
        posteriors: q(z|x) in batches, which add up to N; empty where z is no tensor, or without a draw.
        z: the samples [S, N, ...]; None where z is no tensor, or without a draw.
        means: the posterior means [N, D]; None where they have no meaning.
        exact: log p(x) of each, nats [N]; None for a model that only bounds it.

    Of each sentence [N], nats: ``distortion``, ``rate`` and ``elbo``, None where the model does not define them.
    """

    rows: NDArray[np.int64]
    tokens: NDArray[np.int64]
    draw: Draw | None
    posteriors: list[Distribution]
    z: Tensor | None
    means: Tensor | None
    exact: Tensor | None

    @property
    def distortion(self) -> Tensor | None:
        """-E_q log p(x|z); None where z was summed out and cannot be enumerated."""
        d = self.draw
        return None if d is None or (d.parts is not None and not d.parts.shape[1]) else -d.mean(d.log_px)

    @property
    def rate(self) -> Tensor | None:
        """KL(q(z|x) || p(z)); None where q has no density, or as above."""
        d = self.draw
        return None if d is None or d.parts is None or not d.parts.shape[1] else d.kl

    @property
    def elbo(self) -> Tensor | None:
        """log p(x) where it is known, else its lower bound -distortion - rate; None where q has no density."""
        d = self.draw
        if self.exact is not None or d is None or d.parts is None:
            return self.exact
        return d.mean(d.log_px) - d.kl


def batches(lengths: NDArray[np.int32], rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Rows sorted by length, in parts of ``size``."""
    order = rows[np.argsort(lengths[rows], kind="stable")]
    return [order[i : i + size] for i in range(0, len(order), size)]


@torch.no_grad()
def score(
    system: System,
    split: Split,
    seed: int = 0,
    size: int = 128,
    rows: NDArray[np.int64] | None = None,
    progress: bool = True,
) -> Scores:
    """Score sentences of a split under a system in evaluation mode.

    Args:
        system: the trained system, on its device.
        split: its sentences; at least one.
        seed: of all noise.
        size: sentences in a batch; changes nothing but time and memory.
        rows: which sentences, at least one; all by default.
        progress: draw a bar for what takes over five seconds.
    """
    device = system.device
    parts = batches(split.lengths, np.arange(len(split)) if rows is None else rows, size)
    draws: list[Draw] = []
    means: list[Tensor | None] = []
    posteriors: list[Distribution] = []
    codes: list[Tensor] = []
    exact: list[Tensor] = []
    for part in shown(parts, sum(map(len, parts)), "scoring sentences") if progress else parts:
        x = split.batch(part).to(device)
        if system.exact and isinstance(system.model, ExactModel):
            exact.append(system.model.log_marginal(x))
        try:
            d = system.judge(x, seed)
        except NotImplementedError:
            continue
        draws.append(numbers(d))
        means.append(posterior_mean(d))
        if d.q is not None and isinstance(d.z, Tensor):
            posteriors.append(d.q)
            codes.append(d.z)
    rows = np.concatenate(parts)
    whole = len(draws) == len(parts)
    return Scores(
        rows=rows,
        tokens=scored_tokens(system.model, split.lengths[rows]),
        draw=joined(draws) if whole else None,
        posteriors=posteriors if whole else [],
        z=torch.cat(codes, 1) if len(codes) == len(parts) else None,
        means=cat_means(means) if whole and system.model.latent else None,
        exact=torch.cat(exact) if exact else None,
    )


def information(system: System, scores: Scores, progress: bool = True) -> Tensor | None:
    """log q(z|x) - log q(z) of each sentence [N], nats, whose mean estimates I(x, z); q(z) is over these N sentences.

    None where z is no vector, or q has no density.
    """
    d, z = scores.draw, scores.z
    if not system.model.latent or d is None or d.log_qz is None or z is None:
        return None
    if not progress:
        return mutual_information(scores.posteriors, z)
    walk = shown([_Sized(q) for q in scores.posteriors], len(scores.rows), "mutual information")
    return mutual_information(scores.posteriors, z, (part.q for part in walk))


@dataclass(frozen=True)
class _Sized:
    """A batch of posteriors that knows how many it holds, for the bar."""

    q: Distribution

    def __len__(self) -> int:
        return int(self.q.batch_shape[0])


def scored_tokens(model: Model, lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many tokens the likelihood of each sentence is of: its words, and its end where the model scores that.

    A model that is given part of the sentence says so itself, in a method of this name.
    """
    own = getattr(model, "scored_tokens", None)
    if own is not None:
        return own(lengths)
    return lengths.astype(np.int64) + scores_ends(model)
