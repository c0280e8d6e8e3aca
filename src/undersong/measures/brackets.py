"""How alike two constituency trees are, labels aside: precision, recall and F1 of their brackets.

Brackets that every tree has are left out: those of one word, and the one around the whole sentence (Kim, Dyer and Rush
2019). A sentence's brackets are a set: a chain of unary rules is one bracket. *Sentence F1* is the mean over sentences,
where a sentence without gold brackets has recall 1, and precision 1 if none were found either; *corpus F1* pools
brackets over sentences. Knows nothing of models.
"""

from collections.abc import Iterable, Sequence

import numpy as np

Spans = set[tuple[int, int]]


def proper(spans: Iterable[tuple[int, int]], words: int) -> Spans:
    """The brackets (first word, word after the last) that count, of a sentence of so many words.

    >>> sorted(proper([(0, 3), (0, 2), (1, 2), (0, 2)], 3))
    [(0, 2)]
    """
    return {(int(a), int(b)) for a, b in spans if b - a > 1 and (a, b) != (0, words)}


def bracket_scores(known: Sequence[Spans], found: Sequence[Spans]) -> dict[str, float | None]:
    """``sentence_f1`` and ``corpus_f1`` from 0 to 1; None where there is no sentence, or no bracket that counts.

    >>> bracket_scores([set()], [set()])
    {'sentence_f1': 1.0, 'corpus_f1': None}
    >>> bracket_scores([{(0, 2)}], [{(0, 2), (2, 4)}])
    {'sentence_f1': 0.6666666666666666, 'corpus_f1': 0.6666666666666666}
    """
    if not known:
        return {"sentence_f1": None, "corpus_f1": None}
    each = [_f1(len(k & f), len(f), len(k)) for k, f in zip(known, found, strict=True)]
    right = sum(len(k & f) for k, f in zip(known, found, strict=True))
    pooled = _f1(right, sum(map(len, found)), sum(map(len, known))) if any(known) or any(found) else None
    return {"sentence_f1": sum(each) / len(each), "corpus_f1": pooled}


def left_branching(words: int) -> Spans:
    """Brackets of ((((a b) c) d) e)."""
    return proper(((0, end) for end in range(2, words)), words)


def right_branching(words: int) -> Spans:
    """Brackets of (a (b (c (d e))))."""
    return proper(((start, words) for start in range(1, words)), words)


def random_branching(words: int, random: np.random.Generator) -> Spans:
    """Brackets of a binary tree made by splitting at random: each split of a span is as probable as any other."""
    found, open_spans = [], [(0, words)]
    while open_spans:
        first, end = open_spans.pop()
        if end - first > 1:
            found.append((first, end))
            split = int(random.integers(first + 1, end))
            open_spans += [(first, split), (split, end)]
    return proper(found, words)


def _f1(right: int, found: int, known: int) -> float:
    recall = right / known if known else 1.0
    precision = right / found if found else float(known == 0)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
