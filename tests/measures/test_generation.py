"""Lengths and walks, by hand."""

import pytest

from undersong.measures.generation import length_comparison, smoothness


def test_lengths_by_hand():
    found = length_comparison([2, 2, 4, 4], [2, 2, 6, 6])
    assert found["length_mean"] == 3
    assert found["length_std"] == 1
    assert found["length_mean_data"] == 4
    assert found["length_std_data"] == 2
    assert found["length_total_variation"] == pytest.approx(0.5)
    assert found["length_wasserstein"] == pytest.approx(1.0)  # half of the mass moves by two words
    same = length_comparison([3, 5], [5, 3])
    assert same["length_total_variation"] == 0
    assert same["length_wasserstein"] == 0


def test_walks_by_hand():
    a, b, c = ["x", "y"], ["x", "z"], ["p", "q", "r", "s"]
    found = smoothness([[a, a, b], [a, b, c]])
    assert found["repeated_neighbours"] == pytest.approx(1 / 4)
    assert found["neighbour_similarity"] == pytest.approx(1 - (0 + 0.5 + 0.5 + 1) / 4)
    assert found["moving_similarity"] == pytest.approx(1 - (0.5 + 0.5 + 1) / 3)
    assert found["largest_jump"] == pytest.approx((0.5 + 1) / 2)


def test_a_walk_that_stands_still_is_not_smooth():
    found = smoothness([[["x"]] * 4])
    assert found["repeated_neighbours"] == 1
    assert found["moving_similarity"] is None  # no step moves: nothing is known, and 0 would read as unlike
