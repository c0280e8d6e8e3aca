"""Averages of what a learner reports, taken without waiting for the device at every step.

Knows nothing of what the numbers mean.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import torch

from undersong.data.batch import Batch
from undersong.learning.base import Metrics


@dataclass(frozen=True)
class Reading:
    """What a few steps came to.

    Attributes:
        line: means a sentence by name, and ``tokens``, ``sentences``, ``tokens_per_second``.
        bad: the first name and value that is not finite, or None.
    """

    line: dict[str, Any]
    bad: tuple[str, float] | None


class Meter:
    """Keeps scalars where they are until ``flush``."""

    def __init__(self) -> None:
        self._steps: list[Metrics] = []
        self._sizes: list[int] = []
        self._noted: Metrics = {}
        self._tokens = 0
        self._since = time.perf_counter()

    def add(self, metrics: Metrics, x: Batch) -> None:
        """What one step reported of one batch."""
        self._steps.append(metrics)
        self._sizes.append(len(x))
        self._tokens += x.num_targets

    def note(self, metrics: Metrics) -> None:
        """What is reported once, not for each step."""
        self._noted = metrics

    def restart(self) -> None:
        """Leave out the time since the last flush, in which nothing was learned."""
        self._since = time.perf_counter()

    def flush(self) -> Reading:
        """The means since the last flush, weighted by sentences; then begin anew."""
        names = list(self._steps[0]) if self._steps else []
        line: dict[str, Any] = {}
        bad = None
        if names:
            table = torch.stack([torch.stack([m[name].float() for name in names]) for m in self._steps])
            values = table.tolist()  # the one wait for the device
            total = sum(self._sizes)
            for column, name in enumerate(names):
                series = [row[column] for row in values]
                line[name] = sum(v * size for v, size in zip(series, self._sizes, strict=True)) / total
                bad = bad or next(((name, v) for v in series if not math.isfinite(v)), None)
        for name, value in self._noted.items():
            line[name] = float(value)
            bad = bad or (None if math.isfinite(line[name]) else (name, line[name]))
        now = time.perf_counter()
        speed = self._tokens / max(now - self._since, 1e-9)
        line |= {"sentences": sum(self._sizes), "tokens": self._tokens, "tokens_per_second": round(speed, 1)}
        self._steps, self._sizes, self._noted, self._tokens, self._since = [], [], {}, 0, now
        return Reading(line, bad)
