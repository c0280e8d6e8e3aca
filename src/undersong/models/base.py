"""What a latent-variable model must say of itself: p(z), p(x|z), and how to sample.

Knows nothing of inference, objectives or learning.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.distributions.structured import Structured
from undersong.nets.base import WORDS_AND_END, Decoder, names_ends

WORDS = "words"
VECTORS = "word vectors"
SENTENCE_VECTORS = "sentence vectors"

ANNOTATION = ("labels", "tags", "heads", "spans")

Counts = Mapping[str, Tensor]


class Model(Protocol):
    """p(x, z) = p(z) p(x|z)."""

    latent: int

    def prior(self, x: Batch | None = None) -> Distribution:
        """p(z), or p(z|context) for conditional models; for structures p(z|length of x)."""
        ...

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) in nats for z [S, B, ...]: [S, B]; where the prior is given the length, with p(length)."""
        ...


@runtime_checkable
class ExactModel(Model, Protocol):
    """A model whose posterior and marginal are computed exactly.

    Where z is discrete the posterior's ``log_partition`` [B] is log p(x), and its gradients are expected counts. A
    model that scores another event than "words and end of sentence" says so in an attribute ``event`` (with "end of
    sentence" in it where that is scored too), and one that reads some annotation only, in ``annotation``.
    """

    def posterior(self, x: Batch, *, given: bool = False) -> Distribution:
        """p(z|x), batch shape [B].

        Args:
            x: sentences.
            given: forbid every z that contradicts what ``x`` is annotated with (labels, tags, heads, spans; -1 is
                unknown): p(z|x, annotation), whose ``log_partition`` is log p(x, annotation).
        """
        ...

    def log_marginal(self, x: Batch) -> Tensor:
        """log p(x) in nats: [B]."""
        ...


class SummedOut(ABC):
    """Base of the models whose discrete z is summed out: the posterior's sum is log p(x)."""

    @abstractmethod
    def posterior(self, x: Batch, *, given: bool = False) -> Structured:
        """As ``ExactModel``'s."""

    def log_marginal(self, x: Batch) -> Tensor:
        """log p(x) in nats: [B]."""
        return self.posterior(x).log_partition


@runtime_checkable
class Counted(Protocol):
    """What expectation maximisation needs of a model, with an exact or an approximate q."""

    def counting(self) -> AbstractContextManager[None]:
        """While it lasts, the gradient of a log-probability with respect to the model's tables is an expected count."""
        ...

    def expect(self, x: Batch, q: Distribution, hard: bool = False) -> tuple[Tensor, Counts]:
        """The bound on log p(x) in nats [B], and expected counts by name, which add up over batches.

        Args:
            x: sentences.
            q: p(z|x), or what stands for it, made while ``counting``.
            hard: count the best z alone; the bound is then its joint log p(x, z).
        """
        ...

    def maximise(self, counts: Counts) -> None:
        """Set the parameters to where the expected log joint, plus the log prior of the parameters, is highest."""
        ...

    def log_prior(self) -> Tensor:
        """Log density of the parameters under their prior, in nats, up to a constant: a scalar."""
        ...

    def begin(self, x: Batch) -> Counts | None:
        """Counts under a starting guess, for the first epoch; None to start from the parameters as they are.

        Args:
            x: sentences, with their annotation only where it is to be believed.
        """
        ...


@runtime_checkable
class Generative(Protocol):
    """A model that writes sentences by itself, with no search over a decoder's words."""

    def sample(self, n: int, *, max_words: int = 100, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """``n`` draws of (z, x) from p(x, z); sentences end by ``max_words`` words."""
        ...


@runtime_checkable
class Layered(Model, Protocol):
    """A model with a structure between its vector z and its words, summed out exactly given z.

    Both methods take ``given``, as ``ExactModel.posterior`` does: only structures that agree with the annotation.
    """

    def structure(self, x: Batch, z: Tensor, *, given: bool = False) -> Distribution:
        """p(structure | x, z) for z [B, D]: batch shape [B]."""
        ...

    def log_likelihood(self, x: Batch, z: Tensor, *, given: bool = False) -> Tensor:
        """log p(x|z), or log p(x, annotation | z), in nats for z [S, B, D]: [S, B]."""
        ...


def event(model: Model | Decoder) -> str:
    """What a model, or a decoder, gives the likelihood of: runs keep it, and are refused where it has changed."""
    return getattr(model, "event", WORDS_AND_END)


def scores_ends(model: Model | Decoder) -> bool:
    """Whether the ends of sentences are scored too, as ``event`` says. Where they are not, lengths are given."""
    return names_ends(event(model))


def reads(model: Model) -> str | None:
    """The annotation that the model is given beside the words ("labels"); None where words are all it reads."""
    return getattr(model, "reads", None)


def believable(model: Model) -> tuple[str, ...]:
    """The annotation that the model's structures can be made to agree with (``given``), by the names of ``Batch``.

    A model says so in an attribute ``annotation``; one that does not is taken to read all that there is.
    """
    return getattr(model, "annotation", ANNOTATION)


def is_density(model: Model) -> bool:
    """Whether it is a density of vectors, of which no perplexity is made."""
    return event(model).startswith((VECTORS, SENTENCE_VECTORS))
