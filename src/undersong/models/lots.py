"""Drawing lots: one choice after another from rows of log-probabilities, for writing sentences from a grammar.

Knows nothing of what is chosen.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undersong.data.batch import BOS, EOS, PAD
from undersong.errors import UserError

T = TypeVar("T")
_BLOCK = 4096
PATIENCE = 1000  # sentences that may be too long for each that is not


def speakable(rows: Tensor) -> Tensor:
    """Log-probabilities [..., V] without padding, start and end, which no sentence holds; not normalised again."""
    return rows.index_fill(-1, torch.tensor([PAD, BOS, EOS], device=rows.device), -torch.inf)


@contextmanager
def reseeded(generator: torch.Generator | None) -> Iterator[None]:
    """While it lasts, torch's own generators go on from the next number of ``generator``, for distributions, which
    take none; with None all stays as it is."""
    if generator is None:
        yield
        return
    own = [generator.device] if generator.device.type == "cuda" else []
    with torch.random.fork_rng(own):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator, device=generator.device)))
        yield


def until(n: int, derive: Callable[[], T | None], max_words: int) -> list[T]:
    """``n`` derivations; those that grow too long, for which ``derive`` gives None, are thrown away and drawn again.

    Raises:
        UserError: hardly any is short enough.
    """
    kept: list[T] = []
    failures = 0
    while len(kept) < n:
        found = derive()
        if found is not None:
            kept.append(found)
            continue
        failures += 1
        if failures > PATIENCE * (len(kept) + 1):
            raise UserError(
                f"The model hardly ever writes a sentence of at most {max_words} words ({len(kept)} of "
                f"{len(kept) + failures}): allow longer ones with max_words."
            )
    return kept


class Lots:
    """A stream of choices that depends on the generator alone.

    Args:
        generator: of the noise; None for torch's own.

    >>> Lots(torch.Generator().manual_seed(0)).choose(Lots.urn(torch.tensor([-torch.inf, 0.0]))[()])
    1
    """

    def __init__(self, generator: torch.Generator | None = None):
        self.generator = generator
        self.numbers: Iterator[float] = iter(())

    @staticmethod
    def urn(log_p: Tensor) -> NDArray[np.float64]:
        """Rows [..., K] of log-probabilities, not necessarily normalised, made ready for ``choose``."""
        return np.cumsum(np.exp(log_p.detach().cpu().double().numpy()), -1)

    def choose(self, row: NDArray[np.float64]) -> int:
        """One of K, from one row of an urn."""
        return min(int(np.searchsorted(row, self._number() * row[-1], side="right")), len(row) - 1)

    def _number(self) -> float:
        number = next(self.numbers, None)
        if number is None:
            device = None if self.generator is None else self.generator.device  # torch refuses a generator of another
            self.numbers = iter(
                torch.rand(_BLOCK, generator=self.generator, dtype=torch.float64, device=device).tolist()
            )
            number = next(self.numbers)
        return number
