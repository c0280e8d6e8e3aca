"""A ratio by how fast the machine was: neighbours slow AMX tiles and caches, and bf16 products more than fp32 ones.

A large product runs before, between and after both arms' turns, and its slowest rate is the turn's: the condition is
the same for both arms, so that it favours neither. A quarter of the turns lies in each class, and no limit is drawn
that a machine which was never left alone would pass by its own standard.
Knows nothing of what is measured.
"""

import statistics
import time
from collections.abc import Callable

Arm = Callable[[int], object]
QUARTERS = ("slowest", "slower", "faster", "fastest")


def by_disturbance(
    ours: Arm, theirs: Arm, product: Callable[[int], float], cases: int, seconds: float
) -> dict[str, float]:
    """Medians of their time over ours, by quarters of the turns from the slowest machine to the fastest.

    Args:
        ours: called with the number of a case.
        theirs: likewise.
        product: an arm that returns how many FLOP it has done.
        cases: how many there are; each is run once beforehand.
        seconds: for how long; at least four turns are made.
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
    while len(turns) < len(QUARTERS) or time.perf_counter() < until:
        order = (product, theirs, product, ours, product)
        before, usual, between, own, after = (took(arm, len(turns) % cases) for arm in order)
        turns.append((flop / max(before, between, after), usual / own))
    turns.sort()
    found: dict[str, float] = {"turns": len(turns)}
    for k, name in enumerate(QUARTERS):
        quarter = turns[k * len(turns) // 4 : (k + 1) * len(turns) // 4]
        found[f"ratio_{name}"] = statistics.median(ratio for _, ratio in quarter)
        found[f"gflops_{name}"] = statistics.median(rate for rate, _ in quarter) / 1e9
    return found
