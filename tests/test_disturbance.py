"""A turn is as fast as the slowest product around both arms: whoever is disturbed, it favours neither."""

import time
from collections.abc import Callable

import pytest
from benchmarks.disturbance import QUARTERS, by_disturbance


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


def measure(machine: Machine, seconds: float, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    monkeypatch.setattr(time, "perf_counter", lambda: machine.now)
    return by_disturbance(machine.arm(1), machine.arm(2), machine.arm(0.1), cases=1, seconds=seconds)


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_a_turn_is_fast_only_if_all_of_it_is(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measure(Machine(dict.fromkeys(range(0, 1000, 5), place)), 1000, monkeypatch)
    for name in QUARTERS[1:]:
        assert found[f"ratio_{name}"] == pytest.approx(2)
        assert found[f"gflops_{name}"] == pytest.approx(10)
    assert found["gflops_slowest"] == pytest.approx(1)
    assert found["ratio_slowest"] == pytest.approx({2: 0.2, 3: 0.2}.get(place, 2))


@pytest.mark.parametrize(("seconds", "turns"), [(0, 4), (32, 10)])
def test_a_machine_left_alone_is_alike_in_all_quarters(
    seconds: float, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measure(Machine({}), seconds, monkeypatch)
    assert found["turns"] == turns
    assert [found[f"ratio_{name}"] for name in QUARTERS] == pytest.approx([2] * 4)
    assert [found[f"gflops_{name}"] for name in QUARTERS] == pytest.approx([10] * 4)
