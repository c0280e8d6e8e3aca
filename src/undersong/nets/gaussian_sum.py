"""Word vectors that several hidden states write together: each chain adds its state's mean.

    p(v | z_1 .. z_M) = N(v; sum_m W_m[z_m], S)
    W = E[s s^T]^-1 E[s v^T],   S = (E[v v^T] - W^T E[s v^T]) / N,   s: one-hot z_1 .. z_M, end to end

(Ghahramani and Jordan 1997, eqs. 4 and A.4, A.5; the inverse is a pseudo-inverse, since the chains' means are known up
to shifts that cancel). The variances have a floor. Knows nothing of chains in time.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from undersong.data.batch import Batch
from undersong.data.vectors import read_vectors
from undersong.distributions.factorial_chain import digit
from undersong.errors import UserError
from undersong.nets.components import LOG_TWO_PI, floored_factor, log_determinant, triangle
from undersong.nets.factorial_emissions import FactorialEmission, indicators


class GaussianSum(FactorialEmission):
    """Gaussians whose means are sums of one mean from each chain, with one full covariance.

    Args:
        vocab: V.
        chains: M.
        states: K.
        vectors: a file written by ``undersong vectors``; the model keeps a copy of what is in it.
        floor: least variance in any direction; as in ``Components``.

    Raises:
        UserError: there is no such file, or it is of another vocabulary.
    """

    def __init__(self, vocab: int, chains: int, states: int, vectors: Path | None = None, floor: float = 1e-3):
        super().__init__(chains, states)
        if vectors is None:
            raise UserError(
                "GaussianSum reads word vectors: make them with `undersong vectors CORPUS --out FILE`, and give "
                "--model.emission.vectors FILE."
            )
        self.floor = floor
        words = read_vectors(vectors, vocab)
        self.density, self.made_of = words.mark, words.vocabulary
        self.register_buffer("vectors", torch.from_numpy(words.vectors.copy()))
        self.register_buffer("frequency", torch.from_numpy(words.counts.astype(np.float32)))
        self.vectors: Tensor
        self.frequency: Tensor
        points, weight = self.vectors.double(), self.frequency.double() / self.frequency.double().sum().clamp(min=1.0)
        mean = weight @ points
        away = points - mean
        factor = floored_factor((away.T * weight) @ away, floor)
        noise = torch.randn(chains, states, len(mean), dtype=torch.float64) @ factor.T
        self.means = nn.Parameter(((mean + noise) / chains).float())  # [M, K, D]
        self.below = nn.Parameter(factor.tril(-1).float())
        self.log_diagonal = nn.Parameter(factor.diagonal().log().float())

    @property
    def factor(self) -> Tensor:
        """L, with S = L L^T: float64 [D, D]."""
        return triangle(self.below, self.log_diagonal, self.floor)

    def _white(self, v: Tensor) -> Tensor:
        """L^-1 v, in double."""
        return torch.linalg.solve_triangular(self.factor, v.double().flatten(0, -2).T, upper=False).T.view(v.shape)

    def _constant(self) -> Tensor:
        return 0.5 * self.means.shape[-1] * LOG_TWO_PI + log_determinant(self.log_diagonal, self.floor)

    def joint(self, x: Batch) -> Tensor:
        """[B, T, K^M]"""
        words, where = x.tokens.unique(return_inverse=True)
        seen = self._white(self.vectors[words])  # [U, D]
        means = indicators(self.chains, self.states, seen.device) @ self._white(self.means).flatten(0, 1)  # [K^M, D]
        square = seen.square().sum(1, keepdim=True) - 2 * seen @ means.T + means.square().sum(1)
        return nn.functional.embedding(where, (-0.5 * square - self._constant()).to(self.vectors.dtype))

    def at(self, x: Batch, z: Tensor) -> Tensor:
        """[S, B, T]"""
        parts = [self.means[m][digit(z, m, self.chains, self.states)] for m in range(self.chains)]  # [S, B, T, D] each
        away = self._white(self.vectors[x.tokens] - torch.stack(parts).sum(0))
        return (-0.5 * away.square().sum(-1) - self._constant()).to(self.vectors.dtype)

    def expectation(self, x: Batch) -> Callable[[Tensor], Tensor]:
        """From [B, T, M, K] to [B, T]: the density at the expected mean, less what the chains vary around theirs."""
        means, seen = self._white(self.means), self._white(self.vectors[x.tokens])  # [M, K, D], [B, T, D]
        squares, constant = means.square().sum(-1), self._constant()

        def expected(unary: Tensor) -> Tensor:
            each = torch.einsum("btmk,mkd->btmd", unary.double(), means)
            vary = torch.einsum("btmk,mk->bt", unary.double(), squares) - each.square().sum((2, 3))
            away = (seen - each.sum(2)).square().sum(-1)
            return (-0.5 * (away + vary) - constant).to(unary.dtype)

        return expected

    def count(self, x: Batch, joint: Tensor) -> dict[str, Tensor]:
        """E[s s^T] [M K, M K], E[s v^T] [M K, D], sums of v v^T [D, D] and of words."""
        which = indicators(self.chains, self.states, joint.device)
        joint = joint.double()
        pairs = (which.T * joint.sum((0, 1))) @ which
        return {"pairs": pairs, **self._sums(x, (joint @ which).flatten(0, 1))}

    def count_apart(self, x: Batch, unary: Tensor) -> dict[str, Tensor]:
        """The same: s of different chains are independent, and of one chain its states exclude each other."""
        one_hot = unary.double().flatten(2).flatten(0, 1)  # [B T, M K]
        same = torch.block_diag(*[torch.ones(self.states, self.states, device=unary.device)] * self.chains).bool()
        pairs = torch.where(same, 0.0, one_hot.T @ one_hot) + torch.diag(one_hot.sum(0))
        return {"pairs": pairs, **self._sums(x, one_hot)}

    def _sums(self, x: Batch, one_hot: Tensor) -> dict[str, Tensor]:
        weight = one_hot.sum(1) / self.chains  # 1 for a word, 0 in the padding and in impossible sentences
        points = self.vectors[x.tokens.flatten()].double()
        return {"cross": one_hot.T @ points, "square": (points.T * weight) @ points, "total": weight.sum()}

    @torch.no_grad()
    def maximise(self, counts: Mapping[str, Tensor]) -> None:
        """Least squares, and what they leave."""
        total = counts["total"]
        if not float(total) > 0:
            return
        means = torch.linalg.pinv(counts["pairs"], hermitian=True, rtol=1e-12) @ counts["cross"]  # [M K, D]
        left = means.T @ counts["cross"]
        scatter = counts["square"] - left - left.T + means.T @ counts["pairs"] @ means
        factor = floored_factor(scatter / total, self.floor)
        self.means.copy_(means.view(self.means.shape))
        self.below.copy_(factor.tril(-1))
        self.log_diagonal.copy_(factor.diagonal().log())

    def write(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The word whose vector is nearest to one drawn from the joint state."""
        parts = [self.means[m][digit(z, m, self.chains, self.states)] for m in range(self.chains)]
        noise = torch.randn(len(z), self.means.shape[-1], generator=generator, device=z.device)
        drawn = torch.stack(parts).sum(0) + noise @ self.factor.to(noise.dtype).T
        known = (self.frequency > 0).nonzero()[:, 0]
        return known[torch.cat([torch.cdist(part, self.vectors[known]).argmin(1) for part in drawn.split(1024)])]
