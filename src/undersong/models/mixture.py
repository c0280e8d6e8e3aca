"""What every mixture shares: z is one of K, so inference is enumeration (tutorial, section 3.1).

    p(z = k | x) = p(z = k) p(x | z = k) / sum_j p(z = j) p(x | z = j)

Knows nothing of what a component says of a sentence.
"""

from abc import abstractmethod

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.distributions.assignment import Assignment
from undersong.errors import UserError
from undersong.models.base import SummedOut


class Mixture(SummedOut):
    """Write ``log_weights`` and ``log_likelihoods``; prior, posterior and log p(x) come from here."""

    latent: int
    annotation = ("labels",)

    @abstractmethod
    def log_weights(self, x: Batch | None = None) -> Tensor:
        """log p(z = k), or log p(z = k|context of x): [K] or [B, K], nats."""

    @abstractmethod
    def log_likelihoods(self, x: Batch) -> Tensor:
        """log p(x|z = k) for every k: [B, K], nats."""

    def parts(self, x: Batch) -> tuple[Tensor, Tensor]:
        """``log_weights`` and ``log_likelihoods`` of the same sentences, for models that make them of one thing."""
        return self.log_weights(x), self.log_likelihoods(x)

    def prior(self, x: Batch | None = None) -> Assignment:
        """p(z): batch shape [B], or [1] where there is no sentence."""
        return Assignment(self.log_weights(x).expand(1 if x is None else len(x), self.latent))

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) in nats for z [S, B]: [S, B]."""
        return self.log_likelihoods(x).gather(1, z.T).T

    def posterior(self, x: Batch, *, given: bool = False) -> Assignment:
        """p(z|x); given x's labels, a labelled sentence is in the cluster of that number."""
        weights, likelihoods = self.parts(x)
        scores = weights + likelihoods  # [B, K]
        return Assignment(agreeing(scores, x) if given else scores, Assignment(weights.expand_as(scores)))


def agreeing(scores: Tensor, x: Batch) -> Tensor:
    """Scores [B, K] in which a labelled sentence (label not -1) may be in the cluster of its label only.

    Raises:
        UserError: a label has no cluster.
    """
    if x.labels is None or not len(x):
        return scores
    largest = int(x.labels.max())
    if largest >= scores.shape[1]:
        raise UserError(
            f"The corpus has label number {largest}, and the model only {scores.shape[1]} clusters, numbered from 0: "
            f"give --model.latent {largest + 1} or more."
        )
    label = x.labels[:, None]
    other = torch.arange(scores.shape[1], device=scores.device) != label  # [B, K]
    return scores.masked_fill(other & (label >= 0), -torch.inf)
