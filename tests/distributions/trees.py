"""Random trees' scores for the tests, and all trees: constituents by recursion, dependencies by definition."""

import itertools
from collections.abc import Iterator
from functools import cache

import torch
from tests.distributions.scores import Scores
from torch import Tensor

from undersong.distributions import Dependency, Tree, Valence


def tree(scores: Scores, lengths: list[int], n: int, p: int, own: bool = False, span: bool = True) -> Tree:
    """A random tree distribution, whose rules each sentence has for itself where ``own``."""
    rows, words, s = (len(lengths),) if own else (), max(lengths), n + p
    extra = scores(len(lengths), words, words, n) if span else None
    root, binary, emission = scores(*rows, n), scores(*rows, n, s, s), scores(len(lengths), words, p)
    return Tree(root, binary, emission, torch.tensor(lengths), extra)


def dependency(scores: Scores, lengths: list[int], multiroot: bool = False) -> Dependency:
    """A random dependency distribution."""
    size = max(lengths) + 1
    return Dependency(scores(len(lengths), size, size), torch.tensor(lengths), multiroot)


def valence(scores: Scores, lengths: list[int]) -> Valence:
    """A random dependency distribution with valence."""
    b, t = len(lengths), max(lengths)
    return Valence(scores(b, t), scores(b, t, t, 2), scores(b, t, 2, 2, 2), torch.tensor(lengths))


Constituent = tuple[int, int, int]  # first word, last word, symbol


def labelled(i: int, j: int, n: int, p: int) -> Iterator[tuple[Constituent, ...]]:
    """All trees over words i..j, as constituents, the whole one first."""
    if i == j:
        yield from (((i, i, n + t),) for t in range(p))
        return
    for k in range(i, j):
        lefts, rights = list(labelled(i, k, n, p)), list(labelled(k + 1, j, n, p))
        for left, right, a in itertools.product(lefts, rights, range(n)):
            yield ((i, j, a), *left, *right)


def all_trees(lengths: list[int], n: int, p: int) -> list[Tensor]:
    """All labelled binary trees of each sentence, in the form of ``Tree``'s z; of one word, what is no tree."""
    found = []
    for length in lengths:
        trees = list(labelled(0, length - 1, n, p)) if length > 1 else [()]
        z = torch.full((len(trees), max(lengths), max(lengths)), -1)
        for m, constituents in enumerate(trees):
            for i, j, symbol in constituents:
                z[m, i, j] = symbol
        found.append(z)
    return found


@cache
def projective(words: int, multiroot: bool) -> tuple[tuple[int, ...], ...]:
    """All heads with every word below the root, and the words between a head and its child below the head."""
    return tuple(
        heads
        for heads in itertools.product(range(words + 1), repeat=words)
        if all(0 in ancestors(heads, c) for c in range(1, words + 1))
        and all(
            h in ancestors(heads, between)
            for c, h in enumerate(heads, 1)
            for between in range(min(h, c) + 1, max(h, c))
        )
        and (multiroot or heads.count(0) == 1)
    )


def ancestors(heads: tuple[int, ...], word: int) -> list[int]:
    """What ``word`` hangs on, upwards; ends at the root, or where a word comes again."""
    above: list[int] = []
    while word and heads[word - 1] not in above:
        word = heads[word - 1]
        above.append(word)
    return above


def all_heads(lengths: list[int], multiroot: bool = False) -> list[Tensor]:
    """All projective trees of each sentence, in the form of ``Dependency``'s z."""
    rest = max(lengths)
    return [torch.tensor([[*z, *[0] * (rest - n)] for z in projective(n, multiroot)]) for n in lengths]
