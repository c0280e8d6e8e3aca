"""Densities of the vectors that stand for words: log N(f(v_w); mu_k, S_k) for every word w and state k.

Since a word's vector is always the same, all there is to know is a table [V, K], counted as one of probabilities is;
its M-step fits the Gaussians in closed form to the vectors, weighted by how often each word was in each state. With a
projection f to learn (He et al. 2018) the M-step climbs: some steps of f with the Gaussians fixed, then the Gaussians
(generalised EM). Knows nothing of sentences.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from undersong.data.vectors import WordVectors
from undersong.errors import UserError
from undersong.nets.components import Components
from undersong.nets.projection import Projection
from undersong.nets.starts import arranged, far_apart
from undersong.nets.table import Countable


class WordDensities(Countable):
    """K Gaussians over (projected) word vectors. The means start at vectors of words far apart (k-means++).

    Args:
        words: vectors [V, D] and how often each word stands in the corpus.
        states: K.
        gaussians: given K and D.
        projection: f, given D.
        climbing: steps of the projection in each M-step.

    Raises:
        UserError: there are fewer words with vectors than states.
    """

    def __init__(
        self,
        words: WordVectors,
        states: int,
        gaussians: Callable[[int, int], Components],
        projection: Callable[[int], Projection],
        climbing: int = 10,
    ):
        super().__init__()
        dim = words.vectors.shape[1]
        self.gaussians, self.projection, self.climbing = gaussians(states, dim), projection(dim), climbing
        self.register_buffer("vectors", torch.from_numpy(words.vectors.copy()))
        self.register_buffer("frequency", torch.from_numpy(words.counts.astype(np.float32)))
        self.vectors: Tensor
        self.frequency: Tensor
        there = np.flatnonzero(words.counts > 0)
        if len(there) < states:
            raise UserError(f"{states} states, and only {len(there)} words with vectors: give fewer --model.states.")
        seen = torch.from_numpy(there)
        start = far_apart(self.vectors[seen], states, self.frequency[seen])
        with torch.no_grad():
            projected = self.projection(self.vectors)
            everywhere = self.frequency[:, None].expand(-1, states)
            self.gaussians.maximise(self.gaussians.sums(projected, everywhere))  # the variances of all words
            self.gaussians.means.copy_(self.projection(start))

    def scores(self) -> Tensor:
        """log N(f(v_w); mu_k, S_k): [V, K], nats."""
        return self.gaussians(self.projection(self.vectors)).to(self.vectors.dtype)

    def maximise(self, counts: Tensor) -> None:
        """Fit to how often each word was in each state [V, K]."""
        used = (counts.sum(1) > 0).nonzero()[:, 0]
        if not len(used):
            return
        weight, vectors = counts[used].double(), self.vectors[used]
        if any(True for _ in self.projection.parameters()):
            self._climb(vectors, weight)
        with torch.no_grad():
            self.gaussians.maximise(self.gaussians.sums(self.projection(vectors), weight))

    def _climb(self, vectors: Tensor, weight: Tensor) -> None:
        """Raise sum_wk weight_wk log N(f(v_w); mu_k, S_k) by moving f alone, or leave it as it is."""
        learned = list(self.projection.parameters())
        before = [p.detach().clone() for p in learned]
        lbfgs = torch.optim.LBFGS(learned, max_iter=self.climbing, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            return -(self.gaussians(self.projection(vectors)) * weight).sum() / weight.sum()

        def closure() -> Tensor:
            lbfgs.zero_grad()
            value = loss()
            value.backward(inputs=learned)
            return value

        with torch.enable_grad():
            first = float(lbfgs.step(closure).detach())  # type: ignore[arg-type]
        with torch.no_grad():
            if not float(loss()) <= first:
                for own, old in zip(learned, before, strict=True):
                    own.copy_(old)
        for parameter in learned:
            parameter.grad = None

    @torch.no_grad()
    def make_room(self, counts: Tensor) -> None:
        """Before any M-step: states without a word in ``counts`` [V, K] have means away from those of the others."""
        there = counts.sum(0).nonzero()[:, 0]
        projected = self.projection(self.vectors).to(counts.dtype)
        own = (counts.T @ projected)[there] / counts.sum(0)[there, None]
        self.gaussians.means.copy_(arranged(self.gaussians.means, own, there))

    @torch.no_grad()
    def nearest(self, state: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A vector drawn for each state [N], and the word whose own vector is nearest to it: int64 [N]."""
        drawn = self.gaussians.means[state] + self.gaussians.noise(state, generator)
        known = (self.frequency > 0).nonzero()[:, 0]
        rows = [torch.cdist(part, self.vectors[known]).argmin(1) for part in self.projection.inverse(drawn).split(1024)]
        return known[torch.cat(rows)] if rows else state
