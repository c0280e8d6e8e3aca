"""What the doctor must not be misled by: a schedule still under way, what is free of charge, a rate that crawls."""

import pytest
from tests.learning.test_doctor import case, look, names

from undersong.objectives import FreeBitsDimension, FreeBitsSentence, Objective


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
