"""What the benchmarks share: arms measured in turns, medians, the machine's own ceiling, peak memory, one JSON line.

Knows nothing of what is measured.
"""

import json
import math
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from undersong.data.prepare import prepare
from undersong.data.store import Corpus
from undersong.nets.products import Matrix


def in_turns(
    arms: Mapping[str, Callable[[Any], object]],
    cases: Sequence[Any],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of every arm on every case: arm after arm on one case, so that other load disturbs all alike.

    Each case is run once by every arm beforehand, unmeasured. ``time.process_time`` as the clock, with one thread,
    measures on a machine that others keep busy.

    Returns:
        By arm, one number a case: the median over the rounds.
    """
    for case in cases:
        for arm in arms.values():
            arm(case)
    times: dict[str, list[list[float]]] = {name: [[] for _ in cases] for name in arms}
    for _ in range(rounds):
        for k, case in enumerate(cases):
            for name, arm in arms.items():
                started = clock()
                arm(case)
                times[name][k].append(clock() - started)
    return {name: [statistics.median(t) for t in all_times] for name, all_times in times.items()}


def product(dtype: torch.dtype, size: int = 2048) -> Callable[[object], float]:
    """An arm that multiplies two large matrices by what is faster here, BLAS or oneDNN; it returns its FLOP."""
    left, right, out = (torch.ones(size, size, dtype=dtype) for _ in range(3))
    kernels: list[Callable[[], object]] = [
        partial(torch.mm, left, right.t(), out=out),
        partial(Matrix(right, dtype, size, uses=100), left),
    ]
    best = [math.inf] * len(kernels)
    for _ in range(5):
        for k, kernel in enumerate(kernels):
            started = time.perf_counter()
            kernel()
            best[k] = min(best[k], time.perf_counter() - started)
    chosen = kernels[best.index(min(best))]

    def arm(case: object) -> float:
        chosen()
        return 2.0 * size**3

    return arm


def resident(field: str = "VmRSS") -> int:
    """Bytes of memory this process holds now (``VmRSS``) or held at most since ``forget_peak`` (``VmHWM``); Linux."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def forget_peak() -> None:
    """Start a new peak; Linux."""
    Path("/proc/self/clear_refs").write_text("5")


def wordnet(vocabulary: int) -> Corpus:
    """WordNet's definitions with this vocabulary, prepared once a machine."""
    folder = Path(tempfile.gettempdir()) / "undersong-benchmarks" / f"wordnet-{vocabulary}"
    if (folder / "corpus.json").exists():
        return Corpus.open(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return prepare("wordnet", out=folder, vocabulary=vocabulary, show_progress=False)


def require(name: str, value: float, *, least: float = -math.inf, most: float = math.inf) -> float:
    """A figure without which a benchmark compares nothing.

    Raises:
        RuntimeError: it is outside its bounds, or no number.
    """
    if not least <= value <= most:
        raise RuntimeError(f"{name} is {value:.3g}, but must lie between {least:.3g} and {most:.3g}.")
    return value


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "processor": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def show(result: Mapping[str, Any], as_json: bool) -> None:
    """One JSON line, or a line a figure."""
    if as_json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        small = isinstance(value, float) and 0 < abs(value) < 0.001
        print(f"{key:32s} {value:{'.1e' if small else '.3f'}}" if isinstance(value, float) else f"{key:32s} {value}")
