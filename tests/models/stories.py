"""Grammars' generative stories, told one derivation at a time: every tree of a sentence and its log-probability.

Shares no code with the library: plain recursion and plain loops over rules, for sentences of a few words.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

Cells = dict[tuple[int, int], int]


def derivations(root: Any, binary: Any, emission: Any, words: list[int]) -> list[tuple[Cells, float]]:
    """Every tree of ``words``: the symbol of each constituent (first, last), and log p(words, tree)."""
    nonterminals, symbols = len(root), len(root) + len(emission)

    def below(symbol: int, first: int, last: int) -> Iterator[tuple[Cells, float]]:
        if symbol >= nonterminals:
            if first == last:
                yield {(first, last): symbol}, float(emission[symbol - nonterminals][words[first]])
            return
        for middle in range(first, last):
            for left, right in itertools.product(range(symbols), repeat=2):
                rule = float(binary[symbol][left][right])
                for a, p in below(left, first, middle):
                    for b, q in below(right, middle + 1, last):
                        yield {(first, last): symbol, **a, **b}, rule + p + q

    return [(tree, float(root[top]) + p) for top in range(nonterminals) for tree, p in below(top, 0, len(words) - 1)]


def chart(tree: Cells, width: int) -> np.ndarray:
    """The tree as the library writes it: [width, width], -1 where there is no constituent."""
    out = np.full((width, width), -1)
    for cell, symbol in tree.items():
        out[cell] = symbol
    return out


def projective_trees(words: int) -> list[tuple[int, ...]]:
    """Heads (1..T, 0 for the root) of every projective tree with a single root: a subtree has no gaps."""
    found = []
    for heads in itertools.product(range(words + 1), repeat=words):
        if heads.count(0) == 1 and _reaches_root(heads) and all(_contiguous(heads, w) for w in range(1, words + 1)):
            found.append(heads)
    return found


def _above(heads: tuple[int, ...], word: int) -> list[int]:
    path = [word]
    while path[-1] and len(path) <= len(heads) + 1:
        path.append(heads[path[-1] - 1])
    return path


def _reaches_root(heads: tuple[int, ...]) -> bool:
    return all(_above(heads, w)[-1] == 0 for w in range(1, len(heads) + 1))


def _contiguous(heads: tuple[int, ...], top: int) -> bool:
    covered = [w for w in range(1, len(heads) + 1) if top in _above(heads, w)]
    return covered == list(range(covered[0], covered[-1] + 1))


def told(root: Any, attach: Any, decide: Any, words: list[int], heads: tuple[int, ...]) -> float:
    """log p(words, tree) of the dependency model with valence, step by step, from each head outwards."""
    total = float(root[words[heads.index(0)]])
    for place, word in enumerate(words, 1):
        for side in (0, 1):
            children = [c for c, h in enumerate(heads, 1) if h == place and (c > place) == bool(side)]
            if side == 0:
                children.reverse()
            for number, child in enumerate(children):
                total += float(decide[word][side][min(number, 1)][1])
                total += float(attach[word][side][min(number, len(attach[word][side]) - 1)][words[child - 1]])
            total += float(decide[word][side][min(len(children), 1)][0])
    return total


def log_sum(values: list[float]) -> float:
    return float(np.logaddexp.reduce(values))
