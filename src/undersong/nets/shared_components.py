"""K Gaussian components over vectors of D numbers, with one covariance for all.

    S = (sum_n v_n v_n^T - sum_k w_k mu_k mu_k^T) / sum_k w_k

(the pooled form of ``components``: linear discriminant analysis with the classes unknown). Knows nothing of what the
vectors stand for.
"""

import torch
from torch import Tensor, nn

from undersong.nets.components import LOG_TWO_PI, Components, floored, floored_factor, log_determinant, triangle


class SharedDiagonalComponents(Components):
    """Independent dimensions, all components with the same variances."""

    def __init__(self, count: int, dim: int, floor: float = 1e-3):
        super().__init__(count, dim, floor)
        self.log_variance = nn.Parameter(torch.zeros(dim))

    def forward(self, v: Tensor) -> Tensor:
        """log N(v; mu_k, S): [B, K]."""
        scale = (-0.5 * floored(self.log_variance, self.floor)).exp()
        return (
            _white_density(v.double() * scale, self.means.double() * scale)
            - 0.5 * floored(self.log_variance, self.floor).sum()
        )

    def noise(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, S): [N, D]."""
        scale = (0.5 * floored(self.log_variance, self.floor)).exp().to(self.means.dtype)
        return scale * torch.randn(len(z), len(scale), generator=generator, device=scale.device)

    def spread(self, v: Tensor, weight: Tensor) -> Tensor:
        """Sums of squares, over all components: [D]."""
        return weight.sum(1) @ v.square()

    def maximise_covariance(self, second: Tensor, means: Tensor, total: Tensor) -> None:
        """Variances: [D]."""
        if float(total.sum()) > 0:
            left = second - total @ means.square()
            self.log_variance.copy_((left / total.sum()).clamp(min=self.floor).log())


class TiedComponents(Components):
    """One full covariance for all components, S = L L^T.

    >>> tied = TiedComponents(1, 2)
    >>> points = torch.tensor([[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
    >>> tied.maximise(tied.sums(points, torch.ones(4, 1)))
    >>> tied.means.tolist(), [round(v, 4) for v in tied.log_diagonal.exp().tolist()]
    ([[1.0, 1.0]], [1.0, 1.0])
    """

    def __init__(self, count: int, dim: int, floor: float = 1e-3):
        super().__init__(count, dim, floor)
        self.below = nn.Parameter(torch.zeros(dim, dim))  # L below its diagonal
        self.log_diagonal = nn.Parameter(torch.zeros(dim))

    def forward(self, v: Tensor) -> Tensor:
        """log N(v; mu_k, S): [B, K]."""
        both = torch.cat([v.double(), self.means.double()])
        white = torch.linalg.solve_triangular(self._factor(), both.T, upper=False).T
        return _white_density(white[: len(v)], white[len(v) :]) - log_determinant(self.log_diagonal, self.floor)

    def noise(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, S): [N, D]."""
        factor = self._factor().to(self.means.dtype)
        return torch.randn(len(z), len(factor), generator=generator, device=factor.device) @ factor.T

    def spread(self, v: Tensor, weight: Tensor) -> Tensor:
        """Sums of outer products, over all components: [D, D]."""
        return (v.T * weight.sum(1)) @ v

    def maximise_covariance(self, second: Tensor, means: Tensor, total: Tensor) -> None:
        """The covariance, its eigenvalues not below the floor: [D, D]."""
        if float(total.sum()) > 0:
            factor = floored_factor((second - (means.T * total) @ means) / total.sum(), self.floor)
            self.below.copy_(factor.tril(-1))
            self.log_diagonal.copy_(factor.diagonal().log())

    def _factor(self) -> Tensor:
        return triangle(self.below, self.log_diagonal, self.floor)


def _white_density(v: Tensor, means: Tensor) -> Tensor:
    """log N(v; mu_k, I) of points [B, D] and means [K, D] in standard deviations: [B, K], float64."""
    centre = means.mean(0)
    v, means = v - centre, means - centre
    square = v.square().sum(-1, keepdim=True) - 2 * v @ means.T + means.square().sum(-1)
    return -0.5 * (square + v.shape[1] * LOG_TWO_PI)
