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
from undersong.draw import Draw, joined
from undersong.learning.system import System
from undersong.models import ExactModel, Model, event
from undersong.models.base import WORDS_AND_END


@dataclass(frozen=True)
class Scores:
    """What a model says of N sentences.

    Attributes:
        rows: their rows in the split, by length [N]; all else is in this order.
        tokens: words of each, and its end where the model scores that [N].
        draw: the joined record of all; None where the posterior cannot be sampled with keyed noise.
        posteriors: q(z|x) in batches, which add up to N; empty without a draw.
        z: the samples [S, N, ...]; None without a draw.
        means: the posterior means [N, D]; None where they have no meaning.
        exact: log p(x) of each, nats [N]; None for a model that only bounds it.
    """

    rows: NDArray[np.int64]
    tokens: NDArray[np.int64]
    draw: Draw | None
    posteriors: list[Distribution]
    z: Tensor | None
    means: Tensor | None
    exact: Tensor | None


def batches(lengths: NDArray[np.int32], rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Rows sorted by length, in parts of ``size``."""
    order = rows[np.argsort(lengths[rows], kind="stable")]
    return [order[i : i + size] for i in range(0, len(order), size)]


@torch.no_grad()
def score(system: System, split: Split, seed: int = 0, size: int = 128) -> Scores:
    """Score all sentences of a split under a system in evaluation mode.

    Args:
        system: the trained system, on its device.
        split: its sentences; at least one.
        seed: of all noise.
        size: sentences in a batch; changes nothing but time and memory.
    """
    device = device_of(system)
    parts = batches(split.lengths, np.arange(len(split)), size)
    draws: list[Draw] = []
    exact: list[Tensor] = []
    for part in shown(parts, len(split), "scoring sentences"):
        x = split.batch(part).to(device)
        if system.exact and isinstance(system.model, ExactModel):
            exact.append(system.model.log_marginal(x))
        try:
            draws.append(system.judge(x, seed))
        except NotImplementedError:
            continue
    rows = np.concatenate(parts)
    whole = len(draws) == len(parts)
    codes = [d.z for d in draws if isinstance(d.z, Tensor)]
    return Scores(
        rows=rows,
        tokens=scored_tokens(system.model, split.lengths[rows]),
        draw=joined(draws) if whole else None,
        posteriors=[d.q for d in draws if d.q is not None] if whole else [],
        z=torch.cat(codes, 1) if whole and len(codes) == len(parts) else None,
        means=_means(draws) if whole and system.model.latent else None,
        exact=torch.cat(exact) if exact else None,
    )


def scored_tokens(model: Model, lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many tokens the likelihood of each sentence is of: its words, and its end where the model scores that.

    A model that is given part of the sentence says so itself, in a method of this name.
    """
    own = getattr(model, "scored_tokens", None)
    if own is not None:
        return own(lengths)
    return lengths.astype(np.int64) + (event(model) == WORDS_AND_END)


def _means(draws: list[Draw]) -> Tensor | None:
    try:
        return torch.cat([d.q.mean for d in draws if d.q is not None])
    except NotImplementedError:
        return None


def device_of(system: System) -> torch.device:
    """Where its parameters are; the CPU for a system without any."""
    parameter = next(system.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device
