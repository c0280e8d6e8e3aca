"""A ratio by what neighbours do to the machine: they slow AMX tiles and caches, and bf16 products more than fp32 ones.

A large product runs before, between and after both arms' turns. Where it keeps at least half its best rate all three
times, the turn counts as undisturbed: the condition is the same for both arms, so that it favours neither.
Knows nothing of what is measured.
"""

import statistics
import time
from collections.abc import Callable

Arm = Callable[[int], object]


def by_disturbance(
    ours: Arm, theirs: Arm, product: Callable[[int], float], cases: int, seconds: float
) -> dict[str, float]:
    """Medians of their time over ours, of both kinds of turn.

    Args:
        ours: called with the number of a case.
        theirs: likewise.
        product: an arm that returns how many FLOP it has done.
        cases: how many there are; each is run once beforehand.
        seconds: for how long.
    """
    flop = product(0)

    def took(arm: Arm, case: int) -> float:
        started = time.perf_counter()
        arm(case)
        return time.perf_counter() - started

    for case in range(cases):
        ours(case)
        theirs(case)
    turns: list[tuple[float, float]] = []
    until = time.perf_counter() + seconds
    while not turns or time.perf_counter() < until:
        order = (product, theirs, product, ours, product)
        before, usual, between, own, after = (took(arm, len(turns) % cases) for arm in order)
        turns.append((usual / own, flop / max(before, between, after)))
    half = max(rate for _, rate in turns) / 2
    found: dict[str, float] = {}
    for name, kind in (("undisturbed", True), ("disturbed", False)):
        alike = [turn for turn in turns if (turn[1] >= half) == kind]
        if alike:
            found[f"ratio_{name}"] = statistics.median(ratio for ratio, _ in alike)
            found[f"gflops_{name}"] = statistics.median(rate for _, rate in alike) / 1e9
            found[f"turns_{name}"] = len(alike)
    return found
