"""What pairs of rows show together counts beside what each shows alone."""

import pytest

from undersong.reproduce.pooled import each, overall

from .figures import measured


def test_pairs_are_tested_each_alone_and_all_together() -> None:
    rows = {"a": [1.0, 2.0, 3.5], "b": [3.0, 4.0, 5.0], "c": [1.1, 2.0, 3.4], "d": [3.0, 4.1, 5.0]}
    rows |= {"e": [0.0, 2.0, 1.0], "f": [2.0, 3.0, 3.0]}
    pairs = [("a", "b"), ("c", "d"), ("e", "f")]
    found = [part(measured(**rows)) for part in each(pairs, "score")]
    assert [finding.verdict for finding in found] == ["open", "open", "open", "held"]
    assert "score, all pairs together" in found[-1].said
    assert "as claimed; * (p = " in found[-1].said
    assert "stratified permutation test over 3 pairs and 18 runs" in found[-1].said
    turned = [part(measured(**rows)) for part in each(pairs, "score", lower=True)]
    assert turned[-1].verdict == "failed"
    assert "the other way round" in turned[-1].said


def test_pairs_together_leave_out_what_was_not_measured_and_never_mix_corpora() -> None:
    rows = {"a": [1.0, 2.0, 3.0], "b": [3.0, 4.0, 5.0], "c": [1.0, 2.0, 3.0], "d": []}
    assert overall([("a", "b"), ("c", "d")], "score")(measured(**rows)).verdict == "not measured"
    same = {name: [8.0, 8.0, 8.0] for name in "abcd"}
    assert overall([("a", "b"), ("c", "d")], "score")(measured(**same)).verdict == "open"
    rows["d"] = [4.0, 5.0, 6.0]
    found = overall([("a", "b"), ("c", "d")], "score")(measured({"d": "another"}, **rows))
    assert found.verdict == "not measured"
    assert "two corpora" in found.said


def test_a_row_in_two_pairs_would_count_twice_and_is_refused() -> None:
    with pytest.raises(ValueError, match="no row stands in two"):
        overall([("a", "b"), ("c", "b")], "score")
