"""Which words may come next, and the most probable of them.

Mostly special symbols alone are forbidden, or all words but one. A forbidden word is never chosen, but the others'
log-probabilities stay what the model says: they are not normalised again, so that a sentence's score is its
log p(x|z). Knows nothing of sentences or of search.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undersong.data.batch import SPECIAL


@dataclass(frozen=True)
class Allowed:
    """What each of N rows may write next.

    Attributes:
        banned: special symbols that may not come: bool [N, 4].
        forced: the one word that may come, -1 where there is a choice: int64 [N]; None where no row is forced.
        words: the words that alone may come, of those that are not banned: bool [N, V]; None for all.
    """

    banned: Tensor
    forced: Tensor | None = None
    words: Tensor | None = None

    def select(self, rows: slice) -> "Allowed":
        """The same of a slice of the rows."""
        forced, words = (None if t is None else t[rows] for t in (self.forced, self.words))
        return Allowed(self.banned[rows], forced, words)

    def among(self, log_p: Tensor) -> Tensor:
        """Log-probabilities, or logits, [N, V], -inf for what is not among ``words``."""
        return log_p if self.words is None else log_p.masked_fill(~self.words, -torch.inf)


def best_words(log_p: Tensor, k: int, allowed: Allowed) -> tuple[Tensor, Tensor]:
    """The k most probable allowed words of each row, best first; -inf where a row has fewer.

    Args:
        log_p: [N, V], nats; left as it is.
        k: how many; V where there are no more.
        allowed: for N rows.

    Returns:
        Log-probabilities [N, k] and words [N, k].

    >>> log_p = torch.tensor([[0.0, 0.1, 0.0, 0.4, 0.2, 0.3]]).log()
    >>> best_words(log_p, 2, Allowed(torch.tensor([[True, False, True, True]])))[1].tolist()
    [[5, 4]]
    """
    enough = min(k + len(SPECIAL), log_p.shape[1])  # whatever is banned, k others are left
    values, words = allowed.among(log_p).topk(enough, 1)
    forced = None if allowed.forced is None else log_p.gather(1, allowed.forced.clamp(min=0)[:, None])
    return best_among(values, words, min(k, log_p.shape[1]), allowed, forced)


def best_among(values: Tensor, words: Tensor, k: int, allowed: Allowed, forced: Tensor | None) -> tuple[Tensor, Tensor]:
    """As ``best_words``, of the most probable ``words`` [N, k + 4] alone, whose log p is ``values``.

    Args:
        forced: log p of the words that are forced [N, 1]; None where none is.
    """
    special = words < len(SPECIAL)
    banned = special & allowed.banned.gather(1, words.clamp(max=len(SPECIAL) - 1))
    values, order = values.masked_fill(banned, -torch.inf).topk(k, dim=1)
    words = words.gather(1, order)
    if forced is None or allowed.forced is None:
        return values, words
    first = torch.nn.functional.pad(forced, (0, k - 1), value=-torch.inf)
    must = allowed.forced[:, None]  # [N, 1]
    return torch.where(must >= 0, first, values), torch.where(must >= 0, must, words)
