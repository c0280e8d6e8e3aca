"""K Gaussians over vectors of D numbers: densities, and the closed form of the M-step.

    log N(v; mu_k, S) = -(D log 2 pi + log |S| + (v - mu_k)^T S^-1 (v - mu_k)) / 2
    mu_k = sum_n w_nk v_n / w_k,   S_k = sum_n w_nk (v_n - mu_k)(v_n - mu_k)^T / w_k,   w_k = sum_n w_nk

(Bishop 2006, eqs. 9.24 and 9.25). Variances have a floor, below which a state would hold a single point; the M-step is
the maximum above it. Sums are in float64. Knows nothing of what the vectors stand for, nor of what chooses k.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.errors import UserError

LOG_TWO_PI = math.log(2 * math.pi)


class Gaussians(Configurable, nn.Module, ABC):
    """Base: a subclass chooses the covariances. Its first arguments are K and D.

    Attributes:
        means: [K, D].
        floor: least variance.
    """

    def __init__(self, states: int, dim: int, floor: float):
        super().__init__()
        if not floor > 0:
            raise UserError(f"A floor of {floor:g} under the variances: give a number above 0.")
        self.floor = floor
        self.means = nn.Parameter(torch.randn(states, dim))

    @abstractmethod
    def forward(self, v: Tensor) -> Tensor:
        """log N(v_n; mu_k, S_k) in nats for v [N, D]: [N, K]."""

    @abstractmethod
    def fit(self, v: Tensor, weight: Tensor) -> None:
        """The M-step; a state without weight keeps its numbers.

        Args:
            v: vectors [N, D].
            weight: how much of each belongs to each state [N, K], 0 or more.
        """

    @abstractmethod
    def noise(self, state: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, S_k) for states [N]: [N, D]."""

    @torch.no_grad()
    def begin(self, v: Tensor, means: Tensor, weight: Tensor) -> None:
        """Start from given means [K, D] and, for all states, the variances of the points [N, D] with weights [N]."""
        self.fit(v, weight[:, None].expand(-1, len(means)))
        self.means.copy_(means)


class Diagonal(Gaussians):
    """Independent dimensions, each state with its own variances.

    Args:
        states: K.
        dim: D.
        floor: least variance.

    >>> both = Diagonal(2, 1)
    >>> both.fit(torch.tensor([[0.0], [2.0], [7.0]]), torch.tensor([[1.0, 0], [1, 0], [0, 1]]))
    >>> both.means[:, 0].tolist(), [round(v, 4) for v in both.log_variance.exp()[:, 0].tolist()]
    ([1.0, 7.0], [1.0, 0.001])
    """

    def __init__(self, states: int, dim: int, floor: float = 1e-3):
        super().__init__(states, dim, floor)
        self.log_variance = nn.Parameter(torch.zeros(states, dim))

    @property
    def _log_variance(self) -> Tensor:
        return self.log_variance.double().clamp(min=math.log(self.floor))

    def forward(self, v: Tensor) -> Tensor:
        """log N(v_n; mu_k, S_k): [N, K]."""
        means, precision = self.means.double(), (-self._log_variance).exp()  # [K, D]
        centre = means.mean(0)
        at, to = v.double() - centre, means - centre
        square = at.square() @ precision.T - 2 * at @ (to * precision).T + (to.square() * precision).sum(-1)
        constant = self._log_variance.sum(-1) + v.shape[1] * LOG_TWO_PI
        return (-0.5 * (square + constant)).to(v.dtype)

    @torch.no_grad()
    def fit(self, v: Tensor, weight: Tensor) -> None:
        """Means and variances of the points that belong to each state."""
        means, variance, there = _moments(v, weight)
        self.means.copy_(torch.where(there, means, self.means.double()))
        self.log_variance.copy_(torch.where(there, variance.clamp(min=self.floor).log(), self.log_variance.double()))

    def noise(self, state: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, S_k): [N, D]."""
        scale = (0.5 * self._log_variance).exp().to(self.means.dtype)[state]
        return scale * torch.randn(scale.shape, generator=generator, device=scale.device)


class SharedDiagonal(Gaussians):
    """Independent dimensions, all states with the same variances.

    Args:
        states: K.
        dim: D.
        floor: least variance.
    """

    def __init__(self, states: int, dim: int, floor: float = 1e-3):
        super().__init__(states, dim, floor)
        self.log_variance = nn.Parameter(torch.zeros(dim))

    @property
    def _log_variance(self) -> Tensor:
        return self.log_variance.double().clamp(min=math.log(self.floor))

    def forward(self, v: Tensor) -> Tensor:
        """log N(v_n; mu_k, S): [N, K]."""
        scale = (-0.5 * self._log_variance).exp()
        return _white(v.double() * scale, self.means.double() * scale, 0.5 * self._log_variance.sum()).to(v.dtype)

    @torch.no_grad()
    def fit(self, v: Tensor, weight: Tensor) -> None:
        """Means of the points that belong to each state, and their variances pooled."""
        means, variance, there = _moments(v, weight)
        share = weight.double().sum(0) / weight.double().sum().clamp(min=1e-300)  # [K]
        self.means.copy_(torch.where(there, means, self.means.double()))
        if there.any():
            self.log_variance.copy_((share @ variance).clamp(min=self.floor).log())

    def noise(self, state: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, S): [N, D]."""
        scale = (0.5 * self._log_variance).exp().to(self.means.dtype)
        return scale * torch.randn(len(state), len(scale), generator=generator, device=scale.device)


class Tied(Gaussians):
    """One full covariance for all states, S = L L^T.

    Args:
        states: K.
        dim: D.
        floor: least variance in any direction.
    """

    def __init__(self, states: int, dim: int, floor: float = 1e-3):
        super().__init__(states, dim, floor)
        self.below = nn.Parameter(torch.zeros(dim, dim))  # L below its diagonal
        self.log_diagonal = nn.Parameter(torch.zeros(dim))  # log of L's diagonal

    @property
    def _factor(self) -> Tensor:
        return self.below.double().tril(-1) + torch.diag(self.log_diagonal.double().exp())

    def forward(self, v: Tensor) -> Tensor:
        """log N(v_n; mu_k, S): [N, K]."""
        both = torch.cat([v.double(), self.means.double()])
        white = torch.linalg.solve_triangular(self._factor, both.T, upper=False).T
        return _white(white[: len(v)], white[len(v) :], self.log_diagonal.double().sum()).to(v.dtype)

    @torch.no_grad()
    def fit(self, v: Tensor, weight: Tensor) -> None:
        """Means of the points that belong to each state, and the pooled covariance around them."""
        means, _, there = _moments(v, weight)
        self.means.copy_(torch.where(there, means, self.means.double()))
        w, points = weight.double(), v.double()
        total = w.sum(0)  # [K]
        if not there.any():
            return
        means = torch.where(there, means, 0.0)
        scatter = (points.T * w.sum(1)) @ points - (means.T * total) @ means
        values, axes = torch.linalg.eigh(scatter / total.sum())
        covariance = (axes * values.clamp(min=self.floor)) @ axes.T
        factor = torch.linalg.cholesky(covariance)
        self.below.copy_(factor.tril(-1))
        self.log_diagonal.copy_(factor.diagonal().log())

    def noise(self, state: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, S): [N, D]."""
        factor = self._factor.to(self.means.dtype)
        return torch.randn(len(state), len(factor), generator=generator, device=factor.device) @ factor.T


def _white(v: Tensor, means: Tensor, log_scale: Tensor) -> Tensor:
    """log N(v_n; mu_k, S) [N, K] of points and means in standard deviations [N, D], [K, D], given log |S| / 2."""
    centre = means.mean(0)
    v, means = v - centre, means - centre
    square = v.square().sum(-1, keepdim=True) - 2 * v @ means.T + means.square().sum(-1)
    return -0.5 * (square + v.shape[1] * LOG_TWO_PI) - log_scale


def _moments(v: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted means and variances [K, D], and which states have any weight [K, 1]."""
    w, points = weight.double(), v.double()
    centre = w.sum(1) @ points / w.sum().clamp(min=1e-300)  # cancellation grows with the distance from nought
    points = points - centre
    total = w.sum(0)[:, None]  # [K, 1]
    means = w.T @ points / total.clamp(min=1e-300)
    variance = (w.T @ points.square() / total.clamp(min=1e-300) - means.square()).clamp(min=0)
    return means + centre, variance, total > 0
