"""A turn counts as undisturbed by what stands around both arms: whoever is disturbed, it favours neither."""

import time
from collections.abc import Callable

import pytest
from benchmarks.disturbance import by_disturbance


class Machine:
    """A clock, a product of 0.1 s and arms of 2 s and 1 s; some turns are slowed tenfold from a place in them on."""

    def __init__(self, slowed: dict[int, int]) -> None:
        self.slowed, self.now, self.done = slowed, 0.0, 0

    def arm(self, seconds: float) -> Callable[[int], float]:
        def run(case: int) -> float:
            turn, place = divmod(self.done - 3, 5)  # a product and both arms are run once beforehand
            self.now += seconds * (10 if turn >= 0 and place >= self.slowed.get(turn, 5) else 1)
            self.done += 1
            return 1e9

        return run


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_a_turn_is_undisturbed_only_if_all_of_it_is(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine({1: place, 3: place})
    monkeypatch.setattr(time, "perf_counter", lambda: machine.now)
    found = by_disturbance(machine.arm(1), machine.arm(2), machine.arm(0.1), cases=1, seconds=100)
    assert found["ratio_undisturbed"] == pytest.approx(2)
    assert found["gflops_undisturbed"] == pytest.approx(10)
    assert found["turns_disturbed"] == 2
    assert found["gflops_disturbed"] == pytest.approx(1)
    assert found["ratio_disturbed"] == pytest.approx({2: 0.2, 3: 0.2}.get(place, 2))


def test_a_machine_left_alone_has_no_disturbed_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine({})
    monkeypatch.setattr(time, "perf_counter", lambda: machine.now)
    found = by_disturbance(machine.arm(1), machine.arm(2), machine.arm(0.1), cases=1, seconds=10)
    assert set(found) == {"ratio_undisturbed", "gflops_undisturbed", "turns_undisturbed"}
