"""A claim is held or failed only where a named test calls a difference real; a threshold alone meets it or does not."""

from collections.abc import Callable

import pytest

from undersong.reproduce import igp_claims
from undersong.reproduce.claims import Claim, Part, decide, together
from undersong.reproduce.igp_rows import BY_BETA, BY_CORPUS, BY_RATE, MIXED, PAIRS, PLAIN, ROWS, aim, meet
from undersong.reproduce.measured import Measured
from undersong.reproduce.parts import (
    alike,
    all_or_none,
    below,
    carries,
    falls_again,
    larger_gap,
    left_out,
    less,
    more,
    ordered,
    rises,
    shown,
    some,
    some_idle,
    within,
)

from .figures import measured


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


def test_a_threshold_is_met_by_every_seed_or_not_at_all_and_never_held() -> None:
    figures = measured(a=[0.1, 0.6])
    assert within("a", "score", 0.0, 0.7)(figures).verdict == "met"
    assert within("a", "score", 0.0, 0.5)(figures).verdict == "not met"


def test_two_figures_of_a_row_are_tested_over_seeds_where_there_are_any() -> None:
    figures = measured(a=[5.0, 5.1, 5.2], b=[5.0], c=[-9.0, 1.0, 9.0])
    assert below("a", "score", "twice")(figures).verdict == "held"
    assert below("a", "twice", "score")(figures).verdict == "failed"
    assert "paired t-test over 3 seeds" in below("a", "score", "twice")(figures).said
    assert below("c", "score", "twice")(figures).verdict == "open"
    together = [{"seed": i, "figures": {"low": v, "high": v + 0.1 + i / 1000}} for i, v in enumerate((1.0, 5.0, 9.0))]
    paired = below("a", "low", "high")(Measured({"a": together}))  # far apart between seeds, never within one
    assert paired.verdict == "held"
    for one, other, verdict in (("score", "twice", "met"), ("twice", "score", "not met")):
        found = below("b", one, other)(figures)
        assert found.verdict == verdict
        assert "one seed, no test" in found.said


def test_two_figures_of_a_seed_stay_together_where_another_seed_lacks_one() -> None:
    def row(*figures: dict[str, float | None]) -> list[dict]:
        return [{"seed": i, "corpus": {"hash": "same"}, "figures": f} for i, f in enumerate(figures)]

    a = row({"few": None, "all": 1.0}, {"few": 5.0, "all": 9.0})  # of one seed both are known, and few is the smaller
    figures = Measured({"a": a, "b": row({"few": 1.0, "all": 7.0})})
    assert figures.together("a", "few", "all") == [(5.0, 9.0)]
    assert below("a", "few", "all")(figures).verdict == "met"
    assert larger_gap("a", "b", "few", "all")(figures).said.startswith("a leads b by 4.000 in few and by 2.000 in all")


def test_an_order_of_rows_is_decided_step_by_step_and_each_by_its_test() -> None:
    figures = measured(a=[1.0, 1.1], b=[2.0, 2.1], c=[3.0, 3.1], d=[2.5, 2.6], e=[3.1, 3.0])
    assert ordered(("a", "b", "c"), "score")(figures).verdict == "held"
    assert ordered(("a", "b", "c"), "score", falling=True)(figures).verdict == "failed"
    broken = ordered(("a", "b", "c", "d"), "score")(figures)
    assert broken.verdict == "in part"
    assert "2 held, 1 failed" in broken.said
    assert "rises in 2 of 3 steps" in broken.said
    assert ordered(("c", "e"), "score")(figures).verdict == "open"
    assert ordered(("a", "b"), "score")(measured(a=[1.0], b=[2.0])).verdict == "open"  # one seed, no test
    assert ordered(("a", "x"), "score")(figures).verdict == "not measured"


def test_a_curve_that_falls_again_is_told_from_one_that_does_not() -> None:
    def trained(*elbo: float) -> Measured:
        return Measured({"a": [{"seed": 0, "figures": {}, "curve": [{"elbo": v} for v in elbo]}]})

    assert rises("a", "elbo", 0.2)(trained(-9.0, -5.0, -5.1)).verdict == "met"
    assert rises("a", "elbo", 0.2)(trained(-9.0, -5.0, -6.0)).verdict == "not met"
    assert falls_again("a", "elbo", 0.2)(trained(-9.0, -5.0, -6.0)).verdict == "met"
    assert falls_again("a", "elbo", 0.2)(trained(-9.0, -5.0, -5.1)).verdict == "not met"


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

    assert carries("a", 5.0)(row(5.1, 8.0)).verdict == "met"
    assert carries("a", 5.0)(row(4.9, 8.0)).verdict == "not met"
    assert carries("a", 7.5)(row(6.9, 6.91)).verdict == "met"
    assert carries("b", 7.5)(row(6.9, 6.91)).verdict == "not measured"


def test_shares_of_one_seed_are_compared_over_the_judged_sentences() -> None:
    def row(name: str, accuracy: float) -> list[dict[str, object]]:
        figures = {"accuracy": accuracy, "examples": 6400.0}
        return [{"row": name, "seed": 0, "corpus": {"hash": "same"}, "figures": figures}]

    figures = Measured({"a": row("a", 0.30), "b": row("b", 0.26)})
    found = more("a", "b", "accuracy")(figures)
    assert found.verdict == "held"
    assert "two-proportion z-test over 2000 and 2000 sentences" in found.said
    assert more("a", "a", "accuracy")(figures).verdict == "open"


@pytest.mark.parametrize(
    "part", [more, less, lambda a, b, k: alike(a, b, k, 0.5), lambda a, b, k: larger_gap(a, b, k, "twice")]
)
def test_rows_of_two_corpora_are_never_compared(part: Callable[..., Part]) -> None:
    rows = {"a": [5.0, 5.1, 5.2], "b": [1.0, 1.1, 1.2]}
    found = part("a", "b", "score")(measured({"a": "one", "b": "another"}, **rows))
    assert found.verdict == "not measured"
    assert "two corpora" in found.said
    assert part("a", "b", "score")(measured(**rows)).verdict != "not measured"


def test_alike_needs_an_interval_inside_the_bound_and_not_a_missing_difference() -> None:
    near = measured(a=[10.0, 10.1, 10.2], b=[10.1, 10.2, 10.0], noisy=[5.0, 10.0, 15.0], far=[20.0, 20.1, 20.2])
    assert alike("a", "b", "score", 0.1)(near).verdict == "held"
    assert alike("a", "noisy", "score", 0.1)(near).verdict == "open"  # no difference is real, and none is excluded
    assert alike("a", "far", "score", 0.1)(near).verdict == "failed"
    single = measured(a=[10.0], b=[10.5], far=[20.0])
    assert alike("a", "b", "score", 0.1)(single).verdict == "met"
    assert alike("a", "far", "score", 0.1)(single).verdict == "not met"


def test_something_that_can_happen_needs_one_instance() -> None:
    figures = measured(a=[5.0, 5.1, 5.2], b=[1.0, 1.1, 1.2])
    up, down, missing = more("a", "b", "score"), more("b", "a", "score"), more("a", "x", "score")
    assert some(down, up, missing)(figures).verdict == "held"
    assert some(down, missing)(figures).verdict == "failed"
    assert some(missing)(figures).verdict == "not measured"


def test_all_dimensions_or_none() -> None:
    def units(**rows: int) -> Measured:
        train = {"model.latent": 8}
        return Measured({k: [{"seed": 0, "train": train, "figures": {"active_units": v}}] for k, v in rows.items()})

    assert all_or_none(["a", "b", "c"])(units(a=8, b=0)).verdict == "met"
    assert all_or_none(["a", "b"])(units(a=8, b=7)).verdict == "in part"
    assert all_or_none(["a"])(units()).verdict == "not measured"
    assert some_idle(["a", "b"])(units(a=6, b=7)).verdict == "met"
    assert some_idle(["a"])(units(a=8)).verdict == "not met"
    assert some_idle(["a", "b"])(units(a=8, b=7)).verdict == "in part"
    collapsed = some_idle(["a", "b"])(units(a=7, b=0))  # says nothing of those that have not collapsed
    assert (collapsed.verdict, "b" in collapsed.said.split()) == ("met", False)
    assert some_idle(["a"])(units(a=0)).verdict == "not measured"


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        (["held", "held"], "held"),
        (["held", "met"], "met"),
        (["met", "shown"], "met"),
        (["held", "open"], "in part"),
        (["met", "not met"], "in part"),
        (["in part", "open"], "in part"),
        (["open", "failed"], "failed"),
        (["open", "not met"], "not met"),
        (["failed", "not met"], "failed"),
        (["held", "not measured"], "held"),
        ([], "not measured"),
    ],
)
def test_a_claim_is_as_strong_as_its_weakest_part(parts: list, verdict: str) -> None:
    assert together(parts) == verdict


def test_what_no_figure_decides_says_so() -> None:
    assert shown("tests/a.py")(measured()).verdict == "shown"
    assert left_out("no nets")(measured()).verdict == "not measured"
    assert "no nets" in left_out("no nets")(measured()).said


def test_a_reader_is_told_of_one_missing_part_and_how_many_more_there_are() -> None:
    parts = (more("a", "b", "score"), *(more("a", row, "score") for row in "xyz"))
    (decision,) = decide([Claim("n", "w", "t", "p", parts)], measured(a=[2.0], b=[1.0]))
    assert len(decision.findings) == 4
    assert [finding.verdict for finding in decision.told] == ["open", "not measured"]
    assert decision.told[1].said == "score of a and x: not measured; and 2 more"


def test_the_recipes_rows_join_the_claims_on_their_like() -> None:
    assert {("dgp-15", "igp-15"), ("snli-dgp", "snli-igp"), ("yahoo-dgp", "yahoo-igp")} <= set(BY_RATE)
    assert ("beta-1-dgp", "beta-1-igp") in PAIRS  # the control: a code that holds nothing
    assert set(PLAIN) == {("plain-dgp-15", "plain-igp-15")}
    assert not set(PLAIN) & set(BY_RATE)
    assert {("mog-dgp", "mog-igp"), ("moig-dgp", "moig-igp")} <= set(MIXED)
    for dgp, igp in (*BY_RATE, *PLAIN, *BY_BETA, *MIXED):
        one, other = ROWS[dgp].flags, ROWS[igp].flags
        assert (one["inference.family"], other["inference.family"]) == ("DiagonalGaussian", "IsotropicGaussian")
        assert {k: v for k, v in one.items() if "inference" not in k} == {
            k: v for k, v in other.items() if "inference" not in k
        }
    main = next(chain for chain in BY_CORPUS if ("dgp-5", "igp-5") in chain)
    assert [aim(dgp) for dgp, _ in main] == [5.0, 10.0, 15.0]
    assert meet("snli-dgp", "mog-dgp")  # at the small scale
    assert meet("cbt-dgp", "mog-dgp")  # at the paper scale
    assert not meet("dgp-5", "mog-dgp")


def test_each_claim_has_a_name_of_its_own_and_speaks_of_both_kinds_of_rows_that_trained_alike() -> None:
    """What is asked of the isotropic rows of an objective is asked of the diagonal ones too."""
    names = [claim.name for claim in igp_claims.CLAIMS]
    assert len(names) == len(set(names)) > 35
    units = {row: 7 for pair in PAIRS for row in pair}
    sheets = {k: [{"train": {"model.latent": 8}, "figures": {"active_units": v}}] for k, v in units.items()}
    for name, side in (("all dimensions or none", 1), ("some dimensions idle", 0)):
        (claim,) = (claim for claim in igp_claims.CLAIMS if claim.name == name)
        (finding,) = decide([claim], Measured(sheets))[0].findings
        assert all(f"{pair[side]} 7" in finding.said for pair in PAIRS)


def test_rows_that_a_scale_does_not_have_are_no_part_of_its_claims() -> None:
    parts = (more("a", "b", "score"), more("a", "later", "score"), more("a", "elsewhere", "score"))
    figures = measured(a=[5.0, 5.1, 5.2], b=[1.0, 1.1, 1.2])
    figures = Measured(figures.sheets, planned=frozenset({"a", "b", "later"}))
    claims = [Claim("n", "w", "t", "p", chosen) for chosen in (parts, parts[2:])]
    some_of_it, nothing = decide(claims, figures)
    assert [finding.verdict for finding in some_of_it.findings] == ["held", "not measured"]
    assert "later" in some_of_it.findings[1].said
    assert nothing.verdict == nothing.findings[0].verdict == "not measured"
    assert some(parts[2], parts[0])(figures).verdict == "held"
