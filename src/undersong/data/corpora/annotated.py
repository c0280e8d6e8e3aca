"""One sentence of a treebank: its words, their tags and heads, its constituents; and the same without punctuation.

Knows nothing of files.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

Span = tuple[int, int, str]


@dataclass(frozen=True)
class Sentence:
    """Words and what is known of them.

    Attributes:
        words: the words, never empty strings.
        tags: tag of each word, None where unknown; None if there are no tags at all.
        heads: head of each word, 1 to T, 0 for a root, -1 where unknown; None if there are none at all.
        spans: constituents (first word, word after the last, label), the outer of two first; None if there is no tree.

    >>> Sentence(("a", "dog"), tags=("DT", "NN"), heads=(2, 0), spans=((0, 2, "NP"),)).words
    ('a', 'dog')
    """

    words: tuple[str, ...]
    tags: tuple[str | None, ...] | None = None
    heads: tuple[int, ...] | None = None
    spans: tuple[Span, ...] | None = None


@dataclass(frozen=True)
class Row:
    """A sentence as a reader found it.

    Attributes:
        line: number of its first line in the file.
        sentence: what was read.
        punctuation: of each word, whether it is punctuation.
        skipped: why the sentence must be left out, or None.
    """

    line: int
    sentence: Sentence
    punctuation: tuple[bool, ...]
    skipped: str | None = None


def without(sentence: Sentence, dropped: Sequence[bool]) -> Sentence:
    """The sentence without some of its words.

    Children of a dropped word are attached to its head, or to that one's head if it is dropped too. Constituents left
    empty vanish.

    Args:
        sentence: its heads, if any, must be free of cycles.
        dropped: of each word, whether it goes.

    >>> s = Sentence(("(", "a", "dog", ")"), heads=(3, 3, 4, 0), spans=((0, 4, "NP"), (3, 4, "X")))
    >>> without(s, [True, False, False, True])
    Sentence(words=('a', 'dog'), tags=None, heads=(2, 0), spans=((0, 2, 'NP'),))
    """
    if not any(dropped):
        return sentence
    kept = [i for i, drop in enumerate(dropped) if not drop]
    before = list(accumulate((not drop for drop in dropped), initial=0))  # words kept before each place
    heads = sentence.heads
    if heads is not None:
        heads = tuple(_new_head(heads, heads[i], dropped, before) for i in kept)
    spans = sentence.spans
    if spans is not None:
        moved = ((before[start], before[end], label) for start, end, label in spans)
        spans = tuple(span for span in moved if span[0] < span[1])
    tags = None if sentence.tags is None else tuple(sentence.tags[i] for i in kept)
    return Sentence(tuple(sentence.words[i] for i in kept), tags, heads, spans)


def _new_head(heads: Sequence[int], head: int, dropped: Sequence[bool], before: Sequence[int]) -> int:
    while head > 0 and dropped[head - 1]:
        head = heads[head - 1]
    return head if head <= 0 else before[head - 1] + 1


def sound(sentence: Sentence) -> tuple[Sentence, str | None]:
    """The sentence, its heads all unknown if they make no tree, and then the reason.

    >>> sound(Sentence(("a", "b"), heads=(2, 1)))
    (Sentence(words=('a', 'b'), tags=None, heads=(-1, -1), spans=None), 'cyclic')
    """
    heads = sentence.heads
    if heads is None:
        return sentence, None
    fault = "head outside the sentence" if max(heads, default=0) > len(heads) else "cyclic" if _cyclic(heads) else None
    return (sentence, None) if fault is None else (replace(sentence, heads=(-1,) * len(heads)), fault)


def _cyclic(heads: Sequence[int]) -> bool:
    safe = [False] * len(heads)
    for word in range(len(heads)):
        path: list[int] = []
        on_path: set[int] = set()
        at = word
        while at >= 0 and not safe[at]:
            if at in on_path:
                return True
            on_path.add(at)
            path.append(at)
            at = max(heads[at], 0) - 1
        for passed in path:
            safe[passed] = True
    return False


def shape(heads: Sequence[int]) -> list[str]:
    """What is unusual about a dependency tree: ``roots`` if it has several, ``nonprojective`` if arcs cross.

    It is projective if every word and all below it are neighbours. Of trees with unknown heads nothing is said.

    >>> shape([0, 0]), shape([3, 4, 0, 3])
    (['roots'], ['nonprojective'])
    """
    if -1 in heads:
        return []
    count = len(heads)
    first, last, size = list(range(count)), list(range(count)), [1] * count
    for word in _leaves_first(heads):
        head = heads[word] - 1
        if head >= 0:
            first[head], last[head] = min(first[head], first[word]), max(last[head], last[word])
            size[head] += size[word]
    crossed = any(last[i] - first[i] + 1 != size[i] for i in range(count))
    return ["roots"] * (list(heads).count(0) > 1) + ["nonprojective"] * crossed


def _leaves_first(heads: Sequence[int]) -> list[int]:
    """Words in an order in which each comes before its head."""
    waiting = [0] * (len(heads) + 1)  # children not yet seen
    for head in heads:
        waiting[head] += 1
    order = [word for word in range(len(heads)) if waiting[word + 1] == 0]
    for word in order:  # grows as it is read
        head = heads[word]
        waiting[head] -= 1
        if head > 0 and waiting[head] == 0:
            order.append(head - 1)
    return order
