"""The record in the middle: what one pass of inference and model produced, and all that an objective may read.

Knows nothing of the nets behind the numbers, nor of what will be made of them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch
from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.distributions import Delta, kl_parts
from undersong.errors import UserError
from undersong.models.base import Model


@dataclass(frozen=True)
class Draw:
    """S samples of z for each of B sentences, with their log densities in nats.

    Attributes:
        log_px: log p(x|z) [S, B].
        log_pz: log p(z) [S, B].
        log_qz: log q(z|x) [S, B]; None where q has no density (an autoencoder).
        parts: KL(q(z|x) || p(z)) by independent part [B, G], in closed form where there is one, else the mean of
            log q(z|x) - log p(z) over the samples with G = 1; G = 0 where there is no z, or z was summed out and cannot
            be enumerated; None where q has no density.
        estimated: whether ``parts`` are that mean over the samples, and no closed form.
        weight: q(z|x) [S, B] when z enumerates the whole support; None when z was sampled.
        step: global training step, for schedules; ``FINAL`` stands for the end of all schedules.
        x, q, p, z: the sentences, q(z|x), p(z) and the samples [S, B, ...]; None in a ``joined`` record.
        aux: what a part has to say to an objective that asks for it, by name, each [B]; no part here says anything yet.
    """

    log_px: Tensor
    log_pz: Tensor
    log_qz: Tensor | None
    parts: Tensor | None
    weight: Tensor | None = None
    step: int = 0
    x: Batch | None = None
    q: Distribution | None = None
    p: Distribution | None = None
    z: Tensor | tuple[Tensor, ...] | None = None
    aux: Mapping[str, Tensor] = field(default_factory=lambda: MappingProxyType({}))
    estimated: bool = False

    @property
    def kl_parts(self) -> Tensor:
        """KL(q(z|x) || p(z)) by part: [B, G].

        Raises:
            UserError: where q is a point mass.
        """
        if self.parts is None:
            raise UserError(
                "The posterior is a point mass, which has no KL divergence and no ELBO: use the Autoencoder objective, "
                "or a family with a density (DiagonalGaussian, IsotropicGaussian)."
            )
        return self.parts

    @property
    def kl(self) -> Tensor:
        """KL(q(z|x) || p(z)) [B], the rate."""
        return self.kl_parts.sum(-1)

    @property
    def log_w(self) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x), the log importance weights [S, B]."""
        if self.log_qz is None:
            raise UserError("The posterior is a point mass, which has no importance weights: use another family.")
        return self.log_px + self.log_pz - self.log_qz

    def mean(self, t: Tensor) -> Tensor:
        """The expectation under q of ``t`` [S, B]: [B]. What q never draws counts nothing, be it infinite."""
        if self.weight is None:
            return t.mean(0)
        return (self.weight * t.masked_fill((self.weight == 0) & ~t.isfinite(), 0.0)).sum(0)

    def log_mean_exp(self, t: Tensor) -> Tensor:
        """log of the expectation under q of exp ``t`` [S, B]: [B]. What q never draws counts nothing."""
        if self.weight is None:
            return t.logsumexp(0) - math.log(t.shape[0])
        never = self.weight == 0
        return (t.masked_fill(never, -math.inf) + self.weight.masked_fill(never, 1.0).log()).logsumexp(0)

    def keep(self, i: Tensor) -> "Draw":
        """The numbers of samples ``i`` alone, for bounds over subsets of one set of samples."""
        weight = None if self.weight is None else self.weight[i]
        log_qz = None if self.log_qz is None else self.log_qz[i]
        z = self.z[i] if isinstance(self.z, Tensor) else None
        kept = replace(self, log_px=self.log_px[i], log_pz=self.log_pz[i], log_qz=log_qz, weight=weight, z=z)
        return _with_estimated_kl(kept) if self.estimated else kept


FINAL = 2**62


def draw(model: Model, x: Batch, q: Distribution, z: Tensor, *, weight: Tensor | None = None, step: int = 0) -> Draw:
    """Score samples ``z`` [S, B, ...] of ``q`` under the model.

    Args:
        model: p(x, z).
        x: B sentences.
        q: q(z|x), batch shape [B].
        z: samples of q, or its whole support when ``weight`` is given.
        weight: q(z|x) [S, B] when z enumerates the support.
        step: global training step.
    """
    p = model.prior(x)
    log_px, log_pz = model.log_likelihood(x, z), p.log_prob(z)
    if isinstance(q, Delta):
        return Draw(log_px, log_pz, None, None, weight, step, x, q, p, z)
    log_qz = q.log_prob(z)
    parts = kl_parts(q, p)
    record = Draw(log_px, log_pz, log_qz, parts, weight, step, x, q, p, z)
    return _with_estimated_kl(record) if parts is None else record


def _with_estimated_kl(d: Draw) -> Draw:
    """The record with KL(q || p) estimated from its own samples."""
    assert d.log_qz is not None
    return replace(d, parts=d.mean(d.log_qz - d.log_pz)[:, None], estimated=True)


def numbers(d: Draw) -> Draw:
    """The record without sentences, distributions and samples, so that those of a whole split can be kept."""
    return replace(d, x=None, q=None, p=None, z=None)


def joined(draws: Sequence[Draw]) -> Draw:
    """The numbers of several records as one, so that an objective can be read over a whole split at once."""

    def cat(tensors: Sequence[Tensor | None], dim: int) -> Tensor | None:
        return None if tensors[0] is None else torch.cat([t for t in tensors if t is not None], dim)

    px, pz = cat([d.log_px for d in draws], 1), cat([d.log_pz for d in draws], 1)
    assert px is not None
    assert pz is not None
    return Draw(
        log_px=px,
        log_pz=pz,
        log_qz=cat([d.log_qz for d in draws], 1),
        parts=cat([d.parts for d in draws], 0),
        weight=cat([d.weight for d in draws], 1),
        step=draws[0].step,
        aux={name: torch.cat([d.aux[name] for d in draws]) for name in draws[0].aux},
        estimated=draws[0].estimated,
    )
