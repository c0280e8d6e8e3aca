"""The mixture of Gaussians over sentence vectors (tutorial, section 4.1; Bishop 2006, section 9.2).

    p(v, z) = mu_z N(v; m_z, S_z),    v = a fixed vector of the sentence

EM in closed form. What it scores is the density of vectors, so its log p(x) compares only with that of other mixtures
over the same vectors, and may be positive. Knows nothing of words: ``vectors`` turns a sentence into numbers.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import one_hot

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.models.base import SENTENCE_VECTORS, Counts
from undersong.models.mixture import Mixture, agreeing
from undersong.nets.components import Components, DiagonalComponents
from undersong.nets.sentence_vectors import MeanOfWords, SentenceVectors
from undersong.nets.starts import arranged, far_apart
from undersong.nets.table import Table, counted
from undersong.settings import need


class GaussianMixture(Configurable, nn.Module, Mixture):
    """A sentence's cluster chooses where its vector lies.

    EM starts from the clusters that k-means++ (Arthur and Vassilvitskii 2007) finds in its first batch, or where labels
    are believed, from theirs: a batch much larger than K serves best.

    Args:
        vocab: V; follows from the corpus.
        latent: K, the number of clusters.
        vectors: sentences to vectors, given V.
        components: ``SphericalComponents``, ``DiagonalComponents`` or ``FullComponents``, given K and D.
        smoothing: added to each cluster's expected number of sentences. Read by EM alone,
            not by gradients.
    """

    def __init__(
        self,
        vocab: int,
        latent: int = 10,
        vectors: Callable[[int], SentenceVectors] = MeanOfWords,
        components: Callable[[int, int], Components] = DiagonalComponents,
        smoothing: float = 0.01,
    ):
        super().__init__()
        need(1, latent=latent)
        self.vocab, self.latent = vocab, latent
        self.vectors = vectors(vocab)
        self.event = f"{SENTENCE_VECTORS} {self.vectors.mark}"
        self.weights = Table(latent, smoothing=smoothing)
        self.components = components(latent, self.vectors.width)
        nn.init.zeros_(self.weights.logits)
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))

    def log_weights(self, x: Batch | None = None) -> Tensor:
        """log mu: [K], nats."""
        return self.weights()

    def log_likelihoods(self, x: Batch) -> Tensor:
        """log N(v; m_k, S_k) for every k: [B, K], nats of density, float64."""
        return self.components(self._vectors(x))

    def counting(self) -> AbstractContextManager[None]:
        """The weights become a leaf; the components are counted from responsibilities."""
        return counted([self.weights])

    def expect(self, x: Batch, q: Distribution, hard: bool = False) -> tuple[Tensor, Counts]:
        """log p(v) (``hard``: the best joint) in nats [B]; each cluster's sentences, and sums over their vectors."""
        bound: Tensor = q.best if hard else q.log_partition  # type: ignore[attr-defined]
        with torch.no_grad():
            weight = one_hot(q.mode, self.latent) if hard else q.marginals[0]  # type: ignore[attr-defined]
            possible = ~bound.isneginf()
            return bound.detach(), self._counts(self._vectors(x), weight * possible[:, None])

    def maximise(self, counts: Counts) -> None:
        """Weights, means and covariances."""
        self.weights.maximise(counts["total"])
        self.components.maximise(counts)

    def log_prior(self) -> Tensor:
        """Of the weights; the components have none: a scalar, nats."""
        return self.weights.log_prior()

    @torch.no_grad()
    def begin(self, x: Batch) -> Counts:
        """Each sentence in the cluster of its label, else in that whose starting mean is nearest.

        Means start far apart in the first batch; there and later, that of a cluster with labelled sentences is theirs.
        """
        v, first = self._vectors(x), not self.begun
        if first:
            self.components.means.copy_(far_apart(v, self.latent))
            self.get_buffer("begun").fill_(True)
        means = self.components.means.to(v.dtype)
        if x.labels is not None:
            means = _at_labels(means, v, x.labels, first)
            self.components.means.copy_(means)
        return self._counts(v, one_hot(agreeing(-torch.cdist(v, means), x).argmax(1), self.latent))

    @torch.no_grad()
    def sample_vectors(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Clusters [n] and a vector from each [n, D]; there are no words in it."""
        z = torch.multinomial(self.weights().exp(), n, replacement=True, generator=generator)
        return z, self.components.means[z] + self.components.noise(z, generator)

    @torch.no_grad()
    def _vectors(self, x: Batch) -> Tensor:
        return self.vectors(x)

    def _counts(self, v: Tensor, weight: Tensor) -> Counts:
        return self.components.sums(v, weight)


def _at_labels(means: Tensor, v: Tensor, labels: Tensor, first: bool) -> Tensor:
    """Means [K, D], those of clusters with labelled vectors moved there; ``first`` the others to what these leave."""
    labelled = one_hot(labels.clamp(min=0), len(means)) * (labels >= 0)[:, None]  # [B, K]
    total = labelled.sum(0)
    there = total.nonzero()[:, 0]
    own = (labelled.T.to(v.dtype) @ v)[there] / total[there, None]
    if first:  # of the points far apart those near a label would start a second cluster there
        means = arranged(means, own, there)
    return means.index_copy(0, there, own)
