"""How far one sentence is from another in words: edit distance, exact matches, matches position by position.

    d[i, j] = min(d[i-1, j] + 1, d[i, j-1] + 1, d[i-1, j-1] + (a_i != b_j))   (Levenshtein)

Many pairs are done at once, a row of the table per numpy step: insertions along a row are one running minimum, since
d[i, j] - j never has to rise again. Knows nothing of models: a sentence is a sequence of anything hashable.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Sentence = Sequence[Hashable]
_TOGETHER = 4096  # pairs in one table


def edit_distances(left: Sequence[Sentence], right: Sequence[Sentence]) -> NDArray[np.int64]:
    """Fewest insertions, deletions and replacements of words that turn each sentence into its partner: [N].

    >>> edit_distances([["a", "b"], []], [["b"], ["c", "d"]]).tolist()
    [1, 2]
    """
    numbers: dict[Hashable, int] = {}
    coded = [
        ([numbers.setdefault(w, len(numbers)) for w in a], [numbers.setdefault(w, len(numbers)) for w in b])
        for a, b in zip(left, right, strict=True)
    ]
    order = sorted(range(len(coded)), key=lambda i: (len(coded[i][0]), len(coded[i][1])))
    distances = np.zeros(len(coded), dtype=np.int64)
    for first in range(0, len(order), _TOGETHER):
        rows = order[first : first + _TOGETHER]
        distances[rows] = _table([coded[i][0] for i in rows], [coded[i][1] for i in rows])
    return distances


def normalised_edit_distances(left: Sequence[Sentence], right: Sequence[Sentence]) -> NDArray[np.float64]:
    """Edit distance over the length of the longer sentence, 0 (equal) to 1 (nothing shared): [N]."""
    longer = np.array([max(len(a), len(b), 1) for a, b in zip(left, right, strict=True)])
    return edit_distances(left, right) / longer


def exact_matches(hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> NDArray[np.bool_]:
    """Which sentences came back word for word: [N]."""
    return np.array([list(h) == list(r) for h, r in zip(hypotheses, references, strict=True)], dtype=bool)


def token_accuracy(hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> float:
    """Share of the original's words, and ends of sentence, that stand in the same place in what was written.

    >>> token_accuracy([["a", "x", "c"]], [["a", "b", "c"]])  # a, c and the end, of 4
    0.75
    """
    right = places = 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        right += sum(h == r for h, r in zip(hypothesis, reference, strict=False)) + (len(hypothesis) == len(reference))
        places += len(reference) + 1
    return right / max(places, 1)


def _padded(sentences: list[list[int]], filler: int) -> NDArray[np.int64]:
    table = np.full((len(sentences), max(map(len, sentences))), filler, dtype=np.int64)
    for row, sentence in enumerate(sentences):
        table[row, : len(sentence)] = sentence
    return table


def _table(left: list[list[int]], right: list[list[int]]) -> NDArray[np.int64]:
    a, b = _padded(left, -1), _padded(right, -2)  # the fillers match nothing
    a_lengths, b_lengths = np.array([len(s) for s in left]), np.array([len(s) for s in right])
    pairs, place = np.arange(len(left)), np.arange(b.shape[1] + 1)
    row = np.broadcast_to(place, (len(left), len(place)))  # d[0, j] = j
    answer = np.where(a_lengths == 0, b_lengths, 0)
    for i in range(a.shape[1]):
        changed = row[:, :-1] + (a[:, i, None] != b)
        best = np.minimum(row[:, 1:] + 1, changed)
        best = np.concatenate([np.full((len(left), 1), i + 1), best], axis=1)
        row = np.minimum.accumulate(best - place, axis=1) + place  # insertions
        answer = np.where(a_lengths == i + 1, row[pairs, b_lengths], answer)
    return answer
