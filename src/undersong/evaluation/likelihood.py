"""The likelihood of sentences by importance sampling: log p(x) ~ log 1/S sum_s p(x|z_s) p(z_s) / q(z_s|x), z_s ~ q.

Many sentences with many samples each are one flat batch, cut to a fixed number of rows, so that a sentence may have any
number of samples from one up. Noise is keyed by (seed, sentence, sample): the first K of S samples are the K samples.
Knows nothing of files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.data.store import Split
from undersong.decoding.progress import shown
from undersong.distributions import keyed_sample
from undersong.draw import FINAL
from undersong.evaluation.scoring import batches, scored_tokens
from undersong.inference.refined import proposes, refine
from undersong.learning.system import System
from undersong.measures import bounds
from undersong.models import Model

NUMBERS = 16_000_000  # of z held at once
SENTENCES = 128  # whose posteriors are made at once
TRUSTED = 50.0  # an effective sample size below this is marked


@dataclass(frozen=True)
class Likelihood:
    """Estimates for N sentences, nats, float64 [N] each.

    Attributes:
        rows: their rows in the split.
        tokens: words, and ends of sentence where the model scores them.
        log_p: log p(x).
        error: its standard error; NaN where there was one sample.
        effective: its effective sample size.
        reconstruction: log p(x'=x|x), AutoGen's second term.
    """

    rows: NDArray[np.int64]
    tokens: NDArray[np.int64]
    log_p: NDArray[np.float64]
    error: NDArray[np.float64]
    effective: NDArray[np.float64]
    reconstruction: NDArray[np.float64]

    @property
    def marked(self) -> NDArray[np.bool_]:
        """Where the effective sample size is under 50: the figure is not to be trusted."""
        return self.effective < TRUSTED


@dataclass(frozen=True)
class Refinement:
    """How a posterior is fitted to the ELBO before it proposes samples; see ``inference.refined``.

    Attributes:
        steps: of Adam.
        lr: of the first step.
        samples: of z for each step.
    """

    steps: int = 60
    lr: float = 0.1
    samples: int = 2


@torch.no_grad()
def likelihood(
    system: System,
    split: Split,
    rows: NDArray[np.int64],
    samples: int = 500,
    seed: int = 0,
    refinement: Refinement | None = None,
    at_once: int | None = None,
) -> Likelihood:
    """Importance-sampled log p(x) of some sentences.

    Args:
        system: in evaluation mode, with a posterior that has a density.
        split: where the sentences come from.
        rows: which.
        samples: S, at least 1.
        seed: of their noise.
        refinement: how the posterior is first refined; None to take it as it is.
        at_once: rows of the flat batch of sentences and samples; changes nothing but time and memory.
    """
    device = system.device
    at_once = at_once or (1024 if device.type == "cpu" else 16384)
    size = max(1, min(SENTENCES, NUMBERS // (samples * max(1, system.model.latent))))
    found: list[Likelihood] = []
    for part in shown(batches(split.lengths, rows, size), len(rows), "importance sampling"):
        x = split.batch(part).to(device)
        q = proposal(system, x, refinement, seed)
        z = keyed_sample(q, x.index, samples, seed)  # [S, B, D]
        log_px = flat_log_likelihood(system.model, x, z, at_once)
        log_w = log_px + system.model.prior(x).log_prob(z) - q.log_prob(z)  # [S, B]
        estimate = bounds.importance_sampled(log_w)
        again = bounds.reconstruction(log_w, log_px)
        numbers = [t.cpu().double().numpy() for t in (estimate.value, estimate.error, estimate.effective, again)]
        found.append(Likelihood(part, scored_tokens(system.model, split.lengths[part]), *numbers))
    return Likelihood(*(np.concatenate([getattr(f, field.name) for f in found]) for field in fields(Likelihood)))


def proposal(system: System, x: Batch, refinement: Refinement | None, seed: int = 0) -> Distribution:
    """q(z|x) as the run learned it, or refined from there."""
    inference = system.inference
    if refinement is None or not proposes(inference):
        return system.posterior(x, FINAL)
    start = inference.params(x)
    how = (refinement.steps, refinement.lr, refinement.samples, seed)
    return inference.family(refine(system.model, inference.family, start, x, *how))


def flat_log_likelihood(model: Model, x: Batch, z: Tensor, at_once: int) -> Tensor:
    """log p(x|z) [S, B] for z [S, B, D], computed for ``at_once`` pairs of sentence and sample at a time."""
    out = z.new_empty(z.shape[:2])
    for sentences, part in pieces(x, max(1, at_once // z.shape[0])):
        for first in range(0, z.shape[0], at_once):
            samples = slice(first, first + at_once)
            out[samples, sentences] = model.log_likelihood(part, z[samples, sentences])
    return out


def pieces(x: Batch, size: int) -> Iterator[tuple[slice, Batch]]:
    """The sentences in parts of ``size``, each as wide as its longest sentence."""
    for first in range(0, len(x), size):
        part = slice(first, first + size)
        width = int(x.lengths[part].max())
        yield part, Batch(x.tokens[part, :width], x.lengths[part], x.index[part])
