"""Scores of tags, clusters, heads and brackets: by hand, by enumeration, and from their definitions in entropies.

The library asks scikit-learn for V-measure and NMI, so that it is no judge of them here.
"""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undersong.measures.attachment import attached
from undersong.measures.brackets import (
    bracket_scores,
    left_branching,
    proper,
    random_branching,
    right_branching,
)
from undersong.measures.clustering import agreement

LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


@given(LABELS)
def test_many_to_one_and_one_to_one_are_the_best_of_all_maps(pairs: list[tuple[int, int]]) -> None:
    known, found = np.array(pairs).T
    scores = agreement(known, found)
    every = max(
        np.mean([known[i] == mapping[found[i]] for i in range(len(known))]) for mapping in permutations(range(4))
    )
    free = sum(max(np.sum((found == k) & (known == c)) for c in range(4)) for k in range(4)) / len(known)
    assert scores["one_to_one"] == pytest.approx(every)
    assert scores["many_to_one"] == pytest.approx(free)


def entropy(*labels: np.ndarray) -> float:
    """Of labels, or of several kinds of labels together; nats."""
    _, counts = np.unique(np.stack(labels), axis=1, return_counts=True)
    p = counts / counts.sum()
    return float(-(p * np.log(p)).sum())


@given(LABELS)
def test_v_measure_and_nmi_are_what_their_entropies_say(pairs: list[tuple[int, int]]) -> None:
    known, found = np.array(pairs).T
    scores = agreement(known, found)
    classes, groups = entropy(known), entropy(found)
    shared = classes + groups - entropy(known, found)
    homogeneity = 1 - (classes - shared) / classes if classes else 1.0
    completeness = 1 - (groups - shared) / groups if groups else 1.0
    total = homogeneity + completeness
    expected = 2 * homogeneity * completeness / total if total > 1e-9 else 0.0
    assert scores["v_measure"] == pytest.approx(expected, abs=1e-9)
    if classes and groups:
        assert scores["nmi"] == pytest.approx(shared / np.sqrt(classes * groups), abs=1e-9)


def test_v_measure_by_hand() -> None:
    """Two classes of two, three groups: homogeneity 1, completeness 1 - H(group|class)/H(group)."""
    scores = agreement(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2]))
    groups = -(0.5 * np.log(0.5) + 2 * 0.25 * np.log(0.25))
    completeness = 1 - 0.5 * np.log(2) / groups
    assert scores["v_measure"] == pytest.approx(2 * completeness / (1 + completeness))
    assert scores["nmi"] == pytest.approx(np.log(2) / np.sqrt(np.log(2) * groups))


def test_perfect_agreement_and_none() -> None:
    names = np.arange(40) % 4
    assert all(value == pytest.approx(1.0) for value in agreement(names, 3 - names).values())
    alone = agreement(names, np.zeros(40, dtype=int))
    assert alone["many_to_one"] == alone["one_to_one"] == 0.25
    assert alone["v_measure"] == pytest.approx(0.0)
    assert agreement(names[:0], names[:0])["v_measure"] is None


def test_attachment_counts_arcs_both_ways() -> None:
    """The dog(2) barks(3): gold heads 2, 3, 0; found: 2 hangs from 1, 3 from 2, 1 is the root."""
    directed, undirected = attached(np.array([2, 3, 0]), np.array([0, 1, 2]))
    assert directed.tolist() == [False, False, False]
    assert undirected.tolist() == [True, True, False]
    assert all(part.all() for part in attached(np.array([2, 0]), np.array([2, 0])))


def test_brackets_by_hand() -> None:
    """((a b) (c d)) against (a (b (c d))), and a flat sentence, which has no bracket that counts."""
    known = [proper([(0, 4), (0, 2), (2, 4), (2, 4)], 4), proper([(0, 3)], 3)]
    found = [right_branching(4), right_branching(3)]
    assert known[0] == {(0, 2), (2, 4)}
    assert found[0] == {(1, 4), (2, 4)}
    scores = bracket_scores(known, found)
    assert scores["sentence_f1"] == pytest.approx((0.5 + 0.0) / 2)  # recall 1 and precision 0 in the flat one
    assert scores["corpus_f1"] == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert bracket_scores([set()], [set()]) == {"sentence_f1": 1.0, "corpus_f1": None}
    assert bracket_scores([], [])["corpus_f1"] is None


def test_branching_baselines_are_trees() -> None:
    assert left_branching(4) == {(0, 2), (0, 3)}
    assert right_branching(2) == left_branching(2) == set()
    random = np.random.default_rng(0)
    for words in range(2, 12):
        spans = random_branching(words, random)
        assert len(spans) == words - 2
        assert not any(a < c < b < d for a, b in spans for c, d in spans)
