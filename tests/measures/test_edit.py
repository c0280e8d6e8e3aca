"""Edit distance against hand-made cases and against the textbook recursion."""

import time
from functools import cache

import numpy as np
import pytest

from undersong.measures.edit import edit_distances, exact_matches, normalised_edit_distances, token_accuracy


def textbook(a: str, b: str) -> int:
    @cache
    def d(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        return min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return d(len(a), len(b))


def test_known_distances():
    pairs = [
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("abc", "abc", 0),
    ]
    lefts, rights, expected = zip(*pairs, strict=True)
    assert edit_distances(lefts, rights).tolist() == list(expected)
    assert normalised_edit_distances(["", "ab"], ["", "abcd"]).tolist() == [0.0, 0.5]


def test_random_pairs_agree_with_the_recursion():
    random = np.random.default_rng(0)
    lefts = ["".join(random.choice(list("abc"), size=random.integers(0, 9))) for _ in range(300)]
    rights = ["".join(random.choice(list("abcd"), size=random.integers(0, 9))) for _ in range(300)]
    expected = [textbook(a, b) for a, b in zip(lefts, rights, strict=True)]
    assert edit_distances(lefts, rights).tolist() == expected
    assert edit_distances(rights, lefts).tolist() == expected


def test_five_thousand_sentences_take_no_time():
    random = np.random.default_rng(0)
    sentences = [list(random.integers(0, 50, size=random.integers(5, 30))) for _ in range(5000)]
    started = time.perf_counter()
    edit_distances(sentences, sentences[::-1])
    assert time.perf_counter() - started < 3


def test_exact_matches_and_token_accuracy():
    originals = [["a", "b"], ["c"]]
    assert exact_matches([["a", "b"], ["c", "d"]], originals).tolist() == [True, False]
    # a, b, end of the first; c of the second, whose end comes too late: 4 of 5.
    assert token_accuracy([["a", "b"], ["c", "d"]], originals) == pytest.approx(4 / 5)
    assert token_accuracy(originals, originals) == 1.0
    assert token_accuracy([[], []], originals) == 0.0
