"""Search: from a latent vector to the words of a sentence.

A decoder says what may come next; a search chooses. Knows nothing of text, of where z comes from, or of what a decoder
is made of.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from undersong.configurable import Configurable
from undersong.decoding.constraint import Constraint
from undersong.decoding.endless import Endless
from undersong.decoding.spelling import Spelling
from undersong.models.base import scores_ends
from undersong.nets import Decoder, Reader

MAX_WORDS = 60


@dataclass(frozen=True)
class Hypothesis:
    """A finished sentence.

    Attributes:
        words: ids, without start or end.
        log_prob: log p(x|z) of the words, given ones included, and of the end where the decoder scores it, in nats.
        score: what the search compared: ``log_prob`` divided by the length penalty.
    """

    words: list[int]
    log_prob: float
    score: float


class Search(Configurable, ABC):
    """A way of writing sentences, all of them at once. Write ``run``.

    Attributes:
        rows: hypotheses a sentence needs at a time.
    """

    rows = 1

    def __call__(
        self,
        decoder: Decoder,
        z: Tensor,
        max_words: int | Tensor = MAX_WORDS,
        given: Tensor | None = None,
        unknown: bool = True,
        keys: Tensor | None = None,
        seed: int = 0,
        spelling: Spelling | None = None,
    ) -> list[Hypothesis]:
        """One sentence for each of N latent vectors.

        Args:
            decoder: p(x|z), in evaluation mode.
            z: [N, D].
            max_words: most words of a sentence, or of each [N]; its end is forced, and scored, after as many. One of a
                decoder that scores no ends has as many, or as many as are given.
            given: what is fixed at each position, see ``Constraint``: int64 [N, L].
            unknown: whether the unknown word may be written.
            keys: numbers of the sentences, which with ``seed`` and the position key the noise, so that a sentence does
                not depend on its batch: int64 [N]; 0 to N - 1 by default.
            seed: of the noise.
            spelling: of a vocabulary of pieces, where given words and blanks are to be whole words.

        Returns:
            N hypotheses, in the order of ``z``.
        """
        if not len(z):
            return []
        ends = scores_ends(decoder)
        rule = Constraint.of(len(z), max_words, given, unknown, spelling, ends).to(z.device)
        keys = torch.arange(len(z)) if keys is None else keys
        with torch.no_grad():
            reader = decoder.quick()
            return self.run(reader if ends else Endless(reader), z, rule, keys, seed)

    @abstractmethod
    def run(self, decoder: Reader, z: Tensor, rule: Constraint, keys: Tensor, seed: int) -> list[Hypothesis]:
        """What ``__call__`` promises, with its defaults filled in and at least one sentence."""
