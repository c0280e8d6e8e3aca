"""What the doctor must not be misled by: a schedule still under way, what is free of charge, a rate that crawls."""

import pytest
from tests.learning.test_doctor import case, look, names

from undersong.learning.diagnosis import diagnose
from undersong.objectives import AutoGen, Beta, FreeBitsDimension, FreeBitsSentence, Linear, Objective


def test_a_rate_that_grew_while_the_schedules_moved_is_no_explosion() -> None:
    looks = [look(500, 5.0, 32, 40.0), look(2500, 9.0, 32, 58.0), look(3000, 9.2, 32, 58.0)]
    assert names(case(*looks, settled=2000)) == ["healthy"]
    assert names(case(*looks, settled=0)) == ["explosion"]


@pytest.mark.parametrize(
    ("objective", "kl", "sits"),
    [
        (FreeBitsSentence(4.0), 4.0, True),
        (FreeBitsSentence(4.0), 30.0, False),
        (FreeBitsDimension(0.5), 16.0, True),
        (FreeBitsDimension(0.5), 30.0, False),
    ],
)
def test_free_bits_are_of_a_sentence_or_of_each_of_its_32_dimensions(
    objective: Objective, kl: float, sits: bool
) -> None:
    assert ("at-free-bits" in names(case(look(1000, kl, 1), objective=objective))) == sits


@pytest.mark.parametrize(("before", "now", "found"), [(0.08, 0.09, "collapse"), (0.06, 0.09, "healthy")])
def test_a_rate_rises_only_where_it_grows_clearly(before: float, now: float, found: str) -> None:
    assert names(case(look(1000, before, 20), look(2000, now, 20)))[0] == found


@pytest.mark.parametrize(
    ("objective", "now"),
    [
        (Beta(0.3), 0.3),
        (Beta(0.5), 0.5),
        (Beta(Linear(0.0, 0.1, 100)), 0.1),
        (Beta(50.0), 50.0),
        (AutoGen(-0.5), 2.0),
        (AutoGen(3.0), 0.25),
    ],
)
def test_what_is_advised_against_collapse_asks_less_of_the_rate_than_the_run_did(
    objective: Objective, now: float
) -> None:
    """AutoGen(m) is beta-VAE with beta = 1 / (1 + m), but for its factor."""
    (finding,) = diagnose(case(look(1000, 0.01, 0), look(2000, 0.01, 0), objective=objective))
    (m,) = [float(text.split()[-1]) for text in finding.advice if "AutoGen" in text]
    assert 1 / (1 + m) < now


def test_a_rate_that_costs_nothing_is_not_to_be_made_cheaper() -> None:
    (finding,) = diagnose(case(look(1000, 0.01, 0), look(2000, 0.01, 0), objective=Beta(0.0)))
    assert finding.advice
    assert not any("AutoGen" in text for text in finding.advice)


def test_what_is_advised_against_an_exploding_rate_asks_more_of_it() -> None:
    exploding = case(look(1000, 10.0, 32, 50.0), look(5000, 25.0, 32, 48.0), objective=AutoGen(-0.5))
    (finding,) = diagnose(exploding)
    assert finding.name == "explosion"
    assert not any("AutoGen" in text for text in finding.advice)
