"""A claim is held only where a named test calls the difference real, in the direction claimed."""

import pytest

from undersong.reproduce.claims import (
    Claim,
    below,
    carries,
    decide,
    falls_again,
    larger_gap,
    less,
    more,
    ordered,
    rises,
    within,
)
from undersong.reproduce.measured import Measured


def measured(**rows: list[float]) -> Measured:
    """Rows whose runs, one a value, measured ``score``."""
    return Measured(
        {
            row: [{"row": row, "seed": i, "figures": {"score": v, "twice": 2 * v}} for i, v in enumerate(values)]
            for row, values in rows.items()
        }
    )


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ([5.0, 5.1, 5.2], [1.0, 1.1, 1.2], "held"),
        ([1.0, 1.1, 1.2], [5.0, 5.1, 5.2], "failed"),
        ([1.0, 5.0, 3.0], [2.0, 3.5, 3.0], "open"),
        ([5.0], [1.0], "open"),
        ([], [1.0], "not measured"),
    ],
)
def test_a_difference_counts_only_if_its_test_says_so(a: list[float], b: list[float], verdict: str) -> None:
    found = more("a", "b", "score")(measured(a=a, b=b))
    assert found.verdict == verdict
    if verdict in ("held", "failed"):
        assert "Welch's t-test over 3 and 3 seeds" in found.said
    turned = {"held": "failed", "failed": "held"}.get(verdict, verdict)
    assert less("a", "b", "score")(measured(a=a, b=b)).verdict == turned


def test_one_seed_says_that_there_is_no_test() -> None:
    assert "one seed, no test" in more("a", "b", "score")(measured(a=[2.0], b=[1.0])).said


def test_thresholds_hold_for_every_seed_or_not_at_all() -> None:
    figures = measured(a=[0.1, 0.6])
    assert within("a", "score", 0.0, 0.7)(figures).verdict == "held"
    assert within("a", "score", 0.0, 0.5)(figures).verdict == "failed"
    assert below("a", "score", "twice")(figures).verdict == "held"
    assert below("a", "twice", "score")(figures).verdict == "failed"


def test_an_order_of_rows_is_held_in_part_where_one_step_breaks_it() -> None:
    figures = measured(a=[1.0], b=[2.0], c=[3.0], d=[2.5])
    assert ordered(("a", "b", "c"), "score")(figures).verdict == "held"
    assert ordered(("a", "b", "c", "d"), "score")(figures).verdict == "in part"
    assert ordered(("a", "b", "c"), "score", falling=True)(figures).verdict == "failed"
    assert ordered(("a", "x"), "score")(figures).verdict == "not measured"


def test_a_curve_that_falls_again_is_told_from_one_that_does_not() -> None:
    def trained(*elbo: float) -> Measured:
        return Measured({"a": [{"seed": 0, "figures": {}, "curve": [{"elbo": v} for v in elbo]}]})

    assert rises("a", "elbo", 0.2)(trained(-9.0, -5.0, -5.1)).verdict == "held"
    assert rises("a", "elbo", 0.2)(trained(-9.0, -5.0, -6.0)).verdict == "failed"
    assert falls_again("a", "elbo", 0.2)(trained(-9.0, -5.0, -6.0)).verdict == "held"


def test_a_lead_is_compared_with_a_lead() -> None:
    figures = measured(a=[3.0, 3.1, 3.2], b=[1.0, 1.1, 1.2])  # leads by 2 in score and by 4 in twice
    assert larger_gap("a", "b", "twice", "score")(figures).verdict == "held"
    assert larger_gap("a", "b", "score", "twice")(figures).verdict == "failed"
    assert larger_gap("a", "b", "score", "score")(figures).verdict == "open"
    assert larger_gap("a", "b", "twice", "score")(measured(a=[3.0], b=[1.0])).verdict == "open"


def test_a_claim_of_two_parts_that_differ_is_held_in_part() -> None:
    figures = measured(a=[5.0, 5.1, 5.2], b=[1.0, 1.1, 1.2])
    good, bad, missing = more("a", "b", "score"), more("b", "a", "score"), more("a", "c", "score")
    verdicts = [
        decision.verdict
        for decision in decide([Claim("n", "w", "t", "p", parts) for parts in ((good, bad), (good, missing))], figures)
    ]
    assert verdicts == ["in part", "held"]


def test_spread_is_written_with_the_number_of_seeds() -> None:
    assert measured(a=[1.0, 3.0]).said("a", "score") == "2.00 ± 1.41 (2)"
    assert measured(a=[1.0]).said("a", "score") == "1.00 (1)"
    assert measured().said("a", "score") == "–"


def test_a_rate_carries_information_up_to_what_its_estimator_can_say() -> None:
    def row(information: float, cap: float) -> Measured:
        sheet = {"row": "a", "seed": 0, "figures": {"mutual_information": information, "mutual_information_cap": cap}}
        return Measured({"a": [sheet]})

    assert carries("a", 5.0)(row(5.1, 8.0)).verdict == "held"
    assert carries("a", 5.0)(row(4.9, 8.0)).verdict == "failed"
    assert carries("a", 7.5)(row(6.9, 6.91)).verdict == "held"
    assert carries("b", 7.5)(row(6.9, 6.91)).verdict == "not measured"


def test_shares_of_one_seed_are_compared_over_the_judged_sentences() -> None:
    def row(name: str, accuracy: float) -> list[dict[str, object]]:
        return [{"row": name, "seed": 0, "figures": {"accuracy": accuracy, "examples": 6400.0}}]

    figures = Measured({"a": row("a", 0.30), "b": row("b", 0.26)})
    found = more("a", "b", "accuracy")(figures)
    assert found.verdict == "held"
    assert "two-proportion z-test over 2000 and 2000 sentences" in found.said
    assert more("a", "a", "accuracy")(figures).verdict == "open"
