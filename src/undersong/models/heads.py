"""The sentences that a dependency model with valence writes, from the head outwards (Klein and Manning 2004).

    root -> its tag;  then for each word and each side: p(stop | word, side, no child yet?), else p(child | ...), again

Knows nothing of where its probabilities come from.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.models.lots import Lots, speakable, until


@dataclass(frozen=True)
class Attachments:
    """Log-probabilities, nats; sides are 0 left and 1 right, valences 0 for no child on that side yet and 1 for some.

    Attributes:
        root: log p(tag of the sentence's root) [V].
        attach: log p(child's tag | head's tag, side, valence) [V, 2, C, V]; C = 1 where valence plays no part.
        decide: log p(0 stop, 1 go on | head's tag, side, valence) [V, 2, 2, 2].
    """

    root: Tensor
    attach: Tensor
    decide: Tensor

    def uniform(self) -> "Attachments":
        """Zeros in place of all numbers: every tree is as good as every other."""
        return Attachments(*(torch.zeros_like(t) for t in (self.root, self.attach, self.decide)))

    def write(self, n: int, max_words: int, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """``n`` trees and their sentences. One of over ``max_words`` words is thrown away and drawn again.

        So these are draws from p(x, z | at most ``max_words`` words). Padding, start and end are never written.

        Returns:
            heads int64 [n, T] (1..T, 0 the root, 0 in padding); the sentences.

        Raises:
            UserError: hardly any sentence is short enough.
        """
        lots = Lots(generator)
        urns = Lots.urn(speakable(self.root)), Lots.urn(speakable(self.attach)), Lots.urn(self.decide)
        trees = until(n, lambda: _derive(urns, lots, max_words), max_words)
        lines = [tree.in_order() for tree in trees]
        x = Batch.of([[word.tag for word in line] for line in lines])
        z = torch.zeros_like(x.tokens)
        for row, line in enumerate(lines):
            for place, word in enumerate(line):
                word.place = place + 1
            z[row, : len(line)] = torch.tensor([0 if word.head is None else word.head.place for word in line])
        return z.to(self.root.device), x.to(self.root.device)


@dataclass(eq=False)
class _Word:
    """A word under construction; children on each side from the nearest outwards."""

    tag: int
    head: "_Word | None" = None
    children: tuple[list["_Word"], list["_Word"]] = field(default_factory=lambda: ([], []))
    place: int = 0

    def in_order(self) -> list["_Word"]:
        """The words of its subtree from left to right."""
        line: list[_Word] = []
        waiting: list[tuple[_Word, bool]] = [(self, False)]
        while waiting:
            word, opened = waiting.pop()
            if opened:
                line.append(word)
                continue
            left, right = word.children  # the last to be popped first: right's farthest ... right's nearest, word, ...
            waiting += [(w, False) for w in reversed(right)] + [(word, True)] + [(w, False) for w in left]
        return line


def _derive(urns: tuple[Any, Any, Any], lots: Lots, longest: int) -> _Word | None:
    """The root of one sentence; None if it grows too long."""
    root, attach, decide = urns
    top = _Word(lots.choose(root))
    waiting, words = [top], 1
    while waiting:
        head = waiting.pop()
        for side in (0, 1):
            children = head.children[side]
            while lots.choose(decide[head.tag, side, min(len(children), 1)]) == 1:
                if words == longest:
                    return None
                valence = min(len(children), attach.shape[2] - 1)
                children.append(_Word(lots.choose(attach[head.tag, side, valence]), head))
                waiting.append(children[-1])
                words += 1
    return top
