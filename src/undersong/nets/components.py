"""K Gaussian components over vectors of D numbers, learned from sums alone, so that EM may gather them batch by batch.

    log N(v; mu_k, S_k) = -(D log 2 pi + log |S_k| + (v - mu_k)^T S_k^-1 (v - mu_k)) / 2
    mu_k = m_k / w_k,   S_k = M_k / w_k - mu_k mu_k^T
    w_k = sum_n r_nk,   m_k = sum_n r_nk v_n,   M_k = sum_n r_nk v_n v_n^T

(Bishop 2006, eqs. 9.24 and 9.25.) Variances have a floor, below which a component would hold a single point; the
M-step is the maximum above it. All in float64. Knows nothing of what the vectors stand for.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.errors import UserError

LOG_TWO_PI = math.log(2 * math.pi)


class Components(Configurable, nn.Module, ABC):
    """Base: a subclass chooses the covariances. Its first two arguments are K and D.

    Args:
        count: K.
        dim: D.
        floor: least variance in any direction; where a full covariance is learned by gradients, of any number given
            those before it, which bounds the density as well.

    Raises:
        UserError: the floor is not above 0.
    """

    def __init__(self, count: int, dim: int, floor: float = 1e-3):
        super().__init__()
        if not floor > 0:
            raise UserError(f"A floor of {floor:g} under the variances: give a number above 0.")
        self.floor = floor
        self.means = nn.Parameter(torch.randn(count, dim))

    @abstractmethod
    def forward(self, v: Tensor) -> Tensor:
        """log N(v; mu_k, S_k) for v [B, D]: [B, K], nats, float64."""

    @abstractmethod
    def noise(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, S_z) for components z [N]: [N, D]."""

    @abstractmethod
    def spread(self, v: Tensor, weight: Tensor) -> Tensor:
        """M_k, or what the covariance needs of it, for v [B, D] and weights r [B, K]: [K, ...]."""

    @abstractmethod
    def maximise_covariance(self, second: Tensor, means: Tensor, total: Tensor) -> None:
        """Covariances from M, mu [K, D] and w [K]; a component with w = 0 keeps its own."""

    def sums(self, v: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """w, m and M of some vectors [B, D] with weights r [B, K]."""
        v, weight = v.double(), weight.double()
        return {"total": weight.sum(0), "first": weight.T @ v, "second": self.spread(v, weight)}

    @torch.no_grad()
    def maximise(self, sums: Mapping[str, Tensor]) -> None:
        """The M-step; a component to which nothing belongs stays as it is."""
        total = sums["total"][:, None]
        means = sums["first"] / total.clamp(min=1e-300)
        self.maximise_covariance(sums["second"], means, sums["total"])
        self.means.copy_(torch.where(total > 0, means, self.means.double()))


class DiagonalComponents(Components):
    """Independent dimensions, with variances of their own for each component.

    >>> both = DiagonalComponents(2, 1)
    >>> both.maximise(both.sums(torch.tensor([[0.0], [2.0], [7.0]]), torch.tensor([[1.0, 0], [1, 0], [0, 1]])))
    >>> both.means[:, 0].tolist(), [round(v, 4) for v in both.log_variance.exp()[:, 0].tolist()]
    ([1.0, 7.0], [1.0, 0.001])
    """

    def __init__(self, count: int, dim: int, floor: float = 1e-3):
        super().__init__(count, dim, floor)
        self.log_variance = nn.Parameter(torch.zeros(count, dim))

    def forward(self, v: Tensor) -> Tensor:
        """log N(v; mu_k, S_k): [B, K]."""
        return _log_density(v, self.means, floored(self.log_variance, self.floor))

    def noise(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, S_z): [N, D]."""
        scale = (0.5 * floored(self.log_variance, self.floor)).exp()[z].to(self.means.dtype)
        return scale * torch.randn(scale.shape, generator=generator, device=scale.device)

    def spread(self, v: Tensor, weight: Tensor) -> Tensor:
        """Sums of squares: [K, D]."""
        return weight.T @ v.square()

    def maximise_covariance(self, second: Tensor, means: Tensor, total: Tensor) -> None:
        """Variances: [K, D]."""
        total = total[:, None]
        found = (second / total.clamp(min=1e-300) - means.square()).clamp(min=self.floor).log()
        self.log_variance.copy_(torch.where(total > 0, found, self.log_variance.double()))


class SphericalComponents(Components):
    """One variance for each component, in all directions: with all equal and near zero, K-means."""

    def __init__(self, count: int, dim: int, floor: float = 1e-3):
        super().__init__(count, dim, floor)
        self.log_variance = nn.Parameter(torch.zeros(count))

    def forward(self, v: Tensor) -> Tensor:
        """log N(v; mu_k, s_k I): [B, K]."""
        return _log_density(v, self.means, floored(self.log_variance, self.floor)[:, None].expand_as(self.means))

    def noise(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, s_z I): [N, D]."""
        scale = (0.5 * floored(self.log_variance, self.floor)).exp()[z, None].to(self.means.dtype)
        shape = (len(z), self.means.shape[1])
        return scale * torch.randn(shape, generator=generator, device=scale.device)

    def spread(self, v: Tensor, weight: Tensor) -> Tensor:
        """Mean square over the dimensions, summed: [K]."""
        return weight.T @ v.square().mean(1)

    def maximise_covariance(self, second: Tensor, means: Tensor, total: Tensor) -> None:
        """Variances: [K]."""
        found = (second / total.clamp(min=1e-300) - means.square().mean(1)).clamp(min=self.floor).log()
        self.log_variance.copy_(torch.where(total > 0, found, self.log_variance.double()))


class FullComponents(Components):
    """A covariance of its own for each component, S_k = L_k L_k^T; D squared numbers each."""

    def __init__(self, count: int, dim: int, floor: float = 1e-3):
        super().__init__(count, dim, floor)
        self.below = nn.Parameter(torch.zeros(count, dim, dim))  # L below its diagonal
        self.log_diagonal = nn.Parameter(torch.zeros(count, dim))

    def forward(self, v: Tensor) -> Tensor:
        """log N(v; mu_k, S_k): [B, K]."""
        away = v.double()[None] - self.means.double()[:, None]  # [K, B, D]
        factor = triangle(self.below, self.log_diagonal, self.floor)
        white = torch.linalg.solve_triangular(factor, away.mT, upper=False)  # [K, D, B]
        log_scale = log_determinant(self.log_diagonal, self.floor)
        return -0.5 * (white.square().sum(1).T + v.shape[1] * LOG_TWO_PI) - log_scale

    def noise(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, S_z): [N, D]."""
        factor = triangle(self.below, self.log_diagonal, self.floor)[z].to(self.means.dtype)
        drawn = torch.randn(len(z), factor.shape[1], 1, generator=generator, device=factor.device, dtype=factor.dtype)
        return (factor @ drawn).squeeze(-1)

    def spread(self, v: Tensor, weight: Tensor) -> Tensor:
        """Sums of outer products: [K, D, D]."""
        return torch.einsum("bk,bi,bj->kij", weight, v, v)

    def maximise_covariance(self, second: Tensor, means: Tensor, total: Tensor) -> None:
        """Covariances, their eigenvalues not below the floor: [K, D, D]."""
        there = total > 0
        covariance = second / total.clamp(min=1e-300)[:, None, None] - means[:, :, None] * means[:, None]
        factor = floored_factor(torch.where(there[:, None, None], covariance, 0.0), self.floor)
        diagonal = factor.diagonal(dim1=1, dim2=2).log()
        self.below.copy_(torch.where(there[:, None, None], factor.tril(-1), self.below.double()))
        self.log_diagonal.copy_(torch.where(there[:, None], diagonal, self.log_diagonal.double()))


def floored(log_variance: Tensor, floor: float) -> Tensor:
    """Log-variances as they count: not below that of the floor, float64."""
    return log_variance.double().clamp(min=math.log(floor))


def triangle(below: Tensor, log_diagonal: Tensor, floor: float) -> Tensor:
    """L [..., D, D], float64, from what is below its diagonal [..., D, D] and the diagonal's logarithms [..., D].

    The diagonal is not below the root of the floor: no eigenvalue of L L^T above the floor ever brings it there.
    """
    return below.double().tril(-1) + torch.diag_embed((0.5 * floored(2 * log_diagonal, floor)).exp())


def log_determinant(log_diagonal: Tensor, floor: float) -> Tensor:
    """log |L| [...] of that L, float64."""
    return 0.5 * floored(2 * log_diagonal, floor).sum(-1)


def floored_factor(covariance: Tensor, floor: float) -> Tensor:
    """L with L L^T = ``covariance`` [..., D, D], its eigenvalues raised to ``floor`` where they are below."""
    values, axes = torch.linalg.eigh(covariance)
    return torch.linalg.cholesky((axes * values.clamp(min=floor)[..., None, :]) @ axes.mT)


def _log_density(v: Tensor, means: Tensor, log_variance: Tensor) -> Tensor:
    """log N of [B, D] under diagonal Gaussians [K, D]: [B, K], float64."""
    precision = (-log_variance).exp()
    centre = means.double().mean(0)  # squares are taken near nought, where they cancel least
    at, to = v.double() - centre, means.double() - centre
    square = at.square() @ precision.T - 2 * at @ (to * precision).T + (to.square() * precision).sum(-1)
    return -0.5 * (square + log_variance.sum(-1) + v.shape[1] * LOG_TWO_PI)
