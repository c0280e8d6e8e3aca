"""Judging a system on held-out sentences while it learns: the value of its own objective at its final coefficients.

The draws of all batches are joined before the objective reads them, so that an objective whose sentences interact has
one value whatever the batches; noise is keyed by sentence, and dropout is off. So two validations differ by the
parameters alone, and the training's own noise is untouched. Knows nothing of files.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.data.store import Split
from undersong.draw import FINAL, Draw, joined, numbers
from undersong.learning.system import System
from undersong.measures.latent import active_units
from undersong.measures.rates import kl_percent

Figures = dict[str, float | int | None]


class Validation:
    """A fixed choice of held-out sentences.

    Args:
        split: where they come from.
        limit: how many at most, spread evenly over the split; None for all.
        sentences: in a batch.
        seed: of the noise.
        device: where the system computes.
    """

    def __init__(self, split: Split, limit: int | None, sentences: int, seed: int, device: torch.device):
        count = len(split) if limit is None else min(limit, len(split))
        rows = np.linspace(0, len(split), count, endpoint=False).astype(np.int64)
        by_length = rows[np.argsort(-split.lengths[rows], kind="stable")]
        self.split, self.seed, self.device = split, seed, device
        self.chunks = [by_length[i : i + sentences] for i in range(0, count, sentences)]

    def __len__(self) -> int:
        return sum(map(len, self.chunks))

    @torch.no_grad()
    def __call__(self, system: System) -> Figures:
        """The figures of ``figures``, of the system as it is now."""
        training = system.training
        system.eval()
        draws, means = [], []
        for rows in self.chunks:
            d, mean = self._draw(system, self.split.batch(rows).to(self.device))
            draws.append(numbers(d))
            means.append(mean)
        system.train(training)
        return figures(system, joined(draws), cat_means(means))

    def _draw(self, system: System, x: Batch) -> tuple[Draw, Tensor | None]:
        d = system.judge(x, self.seed)
        return d, posterior_mean(d)


def figures(system: System, d: Draw, means: Tensor | None) -> Figures:
    """What is known of held-out sentences, in nats a sentence; None where the model does not define it.

    Args:
        system: whose objective is read, at its final coefficients.
        d: the joined record of all sentences.
        means: their posterior means [N, D], or None.

    Returns:
        ``objective`` (to maximise; it alone may be infinite or no number), ``elbo``, ``reconstruction`` (the
        distortion, -E log p(x|z)), ``kl`` (the rate), ``kl_percent`` (100 KL / -objective with the objective's own
        factor), ``active_units``, ``dead_units`` (of D dimensions, those with under 0.01 nat of KL; None where KL has
        no parts). Where z was summed out and cannot be enumerated, neither ``reconstruction`` nor ``kl``.
    """
    latent = system.model.latent
    value = float(system.objective(d).cpu().double().mean())
    distortion = -float(d.mean(d.log_px).cpu().double().mean())
    found: Figures = {"objective": value, "elbo": None, "reconstruction": distortion, "kl": None, "kl_percent": None}
    found |= {"active_units": None, "dead_units": None}
    if d.parts is not None:
        rate = float(d.kl.cpu().double().mean())
        found["elbo"] = -distortion - rate
        if latent and not d.parts.shape[1]:
            found["reconstruction"] = None  # z was summed out
        if d.parts.shape[1]:
            found["kl"] = rate
            found["kl_percent"] = kl_percent(rate, system.objective.kl_factor(FINAL), value)
            if d.parts.shape[1] == latent and means is not None:
                found["dead_units"] = int((d.parts.mean(0) < 0.01).sum())
    if latent and means is not None:
        found["active_units"] = active_units(means)
    return {**{name: v if v is None or math.isfinite(v) else None for name, v in found.items()}, "objective": value}


def cat_means(means: Sequence[Tensor | None]) -> Tensor | None:
    """Means of batches as one; None where those of a batch are not there."""
    there = [m for m in means if m is not None]
    return torch.cat(there) if there and len(there) == len(means) else None


def posterior_mean(d: Draw) -> Tensor | None:
    """The mean of q(z|x), [B, D]; None where it has none."""
    try:
        return None if d.q is None else d.q.mean
    except NotImplementedError:
        return None
