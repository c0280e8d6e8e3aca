"""What a net must do to serve as an encoder or a decoder of text.

An encoder turns sentences into vectors; a decoder scores a sentence given z, and says what may come next. Knows
nothing of priors, posteriors or objectives.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.nets.allowed import Allowed, best_words

WORDS_AND_END = "words and end of sentence"
BAG = "bag of words"


def names_ends(event: str) -> bool:
    """Whether an event that is scored has the ends of sentences in it; where not, lengths are given.

    >>> names_ends(WORDS_AND_END), names_ends(BAG)
    (True, False)
    """
    return "end of sentence" in event


class Encoder(Configurable, nn.Module, ABC):
    """Sentences to vectors of ``width`` numbers; its first argument is the vocabulary's size."""

    width: int

    @abstractmethod
    def forward(self, x: Batch) -> Tensor:
        """The features of each sentence: [B, width]. Padding changes nothing."""


@dataclass(frozen=True)
class State:
    """Where a decoder stands in each of N unfinished sentences.

    Attributes:
        tensors: whatever the decoder keeps, each [N, ...].
    """

    tensors: tuple[Tensor, ...]

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def select(self, rows: Tensor) -> "State":
        """The states of ``rows`` [M], repeated or reordered: what a beam does at every step."""
        return State(tuple(t.index_select(0, rows) for t in self.tensors))


class Reader(Protocol):
    """What search asks of a decoder; see ``Decoder`` for what each method does."""

    def start(self, z: Tensor) -> State: ...

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]: ...

    def best(self, token: Tensor, state: State, k: int, allowed: Allowed) -> tuple[Tensor, Tensor, State]: ...


class Decoder(Configurable, nn.Module, ABC):
    """p(x|z); its first two arguments are the sizes of the vocabulary and of z.

    Attributes:
        event: what ``log_prob`` scores; where it is not the end of the sentence too, the length is given.
    """

    event: str = WORDS_AND_END

    @abstractmethod
    def log_prob(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) of the words and, as ``event`` says, the end of sentence, in nats.

        Args:
            x: B sentences.
            z: S latent vectors for each: [S, B, D].

        Returns:
            [S, B]
        """

    @abstractmethod
    def start(self, z: Tensor) -> State:
        """The state before the first word, for each z [N, D]."""

    @abstractmethod
    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token [N] (first the start symbol) and give log p(next token) [N, V] and the new state."""

    def best(self, token: Tensor, state: State, k: int, allowed: Allowed) -> tuple[Tensor, Tensor, State]:
        """As ``step``, but only the k most probable allowed words: log p [N, k], words [N, k], and the new state.

        A decoder that finds them without all V log-probabilities may override this.
        """
        log_p, state = self.step(token, state)
        return *best_words(log_p, k, allowed), state

    def quick(self) -> Reader:
        """This decoder as it is now, laid out for many steps of search without gradients; here, itself."""
        return self
