"""A probabilistic context-free grammar in normal form, and the sentences it writes from the top down.

    p(x, z) = p(S -> A) prod p(A -> B C) prod p(P -> w),    A in N nonterminals, P in preterminals, B and C in both

Knows nothing of where its probabilities come from.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.models.lots import Lots, speakable, until


@dataclass(frozen=True)
class Rules:
    """Log-probabilities, nats. Symbols are numbered nonterminals first, S = N + P.

    Attributes:
        root: log p(S -> A) [N].
        binary: log p(A -> B C) [N, S, S].
        emission: log p(P -> w) [P, V].
    """

    root: Tensor
    binary: Tensor
    emission: Tensor

    def write(self, n: int, max_words: int, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """``n`` trees and their sentences. One of over ``max_words`` words is thrown away and drawn again.

        So these are draws from p(x, z | at most ``max_words`` words). Padding, start and end are never written.

        Args:
            n: how many.
            max_words: of a sentence; 2 or more, since a tree has no fewer.
            generator: of the noise.

        Returns:
            z int64 [n, T, T], the symbol of the constituent of words i to j, -1 where there is none; the sentences.

        Raises:
            UserError: hardly any sentence is short enough.
        """
        if max_words < 2:
            raise UserError(f"A grammar's sentences have two words or more: ask for more than max_words {max_words}.")
        lots = Lots(generator)
        urns = Lots.urn(self.root), Lots.urn(self.binary.flatten(1)), Lots.urn(speakable(self.emission))
        trees = until(n, lambda: _derive(urns, lots, max_words), max_words)
        x = Batch.of([words for words, _ in trees])
        z = torch.full((n, x.tokens.shape[1], x.tokens.shape[1]), -1, dtype=torch.int64)
        for row, (_, cells) in enumerate(trees):
            first, last, symbol = torch.tensor(cells).T
            z[row, first, last] = symbol
        return z.to(self.root.device), x.to(self.root.device)


def _derive(
    urns: tuple[Any, Any, Any], lots: Lots, longest: int
) -> tuple[list[int], list[tuple[int, int, int]]] | None:
    """The words of one sentence and its constituents (first word, last word, symbol); None if it grows too long."""
    root, binary, emission = urns
    nonterminals = len(root)
    symbols = nonterminals + len(emission)
    words: list[int] = []
    cells: list[tuple[int, int, int]] = []
    waiting = [(lots.choose(root), -1)]  # (symbol, -1) to be expanded, or (symbol, its first word) to be closed
    open_symbols = 1
    while waiting:
        symbol, first = waiting.pop()
        if first >= 0:
            cells.append((first, len(words) - 1, symbol))
        elif symbol >= nonterminals:
            open_symbols -= 1
            cells.append((len(words), len(words), symbol))
            words.append(lots.choose(emission[symbol - nonterminals]))
        else:
            open_symbols += 1
            if len(words) + open_symbols > longest:  # each becomes a word or more
                return None
            left, right = divmod(lots.choose(binary[symbol]), symbols)
            waiting += [(symbol, len(words)), (right, -1), (left, -1)]
    return words, cells
