"""Coefficients that change with the training step: pure functions of it, so a run can resume anywhere.

Knows nothing of which coefficient it is.
"""

import math
from abc import ABC, abstractmethod

from undersong.configurable import Configurable
from undersong.errors import UserError
from undersong.settings import need, need_finite


class Schedule(Configurable, ABC):
    """A number for each step; constant from step ``end`` on.

    Attributes:
        end: that step.
        span: the least and the greatest of its numbers, for whoever must refuse some; None where that is not known.
    """

    end: int = 0
    span: tuple[float, float] | None = None

    @abstractmethod
    def __call__(self, step: int) -> float:
        """The coefficient at ``step``."""


Coefficient = float | Schedule


def at(coefficient: Coefficient, step: int) -> float:
    """The value of a number or a schedule at a step.

    >>> at(0.5, 3), at(Linear(0.0, 1.0, steps=10), 3)
    (0.5, 0.3)
    """
    return coefficient(step) if isinstance(coefficient, Schedule) else float(coefficient)


def extremes(**coefficients: Coefficient) -> dict[str, float]:
    """The numbers that bound coefficients, by name: of a schedule two, or none if it does not know its span.

    >>> extremes(beta=0.5, m=Linear(5.0, -2.0))
    {'beta': 0.5, 'the least m': -2.0, 'the greatest m': 5.0}

    Raises:
        UserError: one is not finite.
    """
    found: dict[str, float] = {}
    for name, value in coefficients.items():
        if not isinstance(value, Schedule):
            found[name] = value
        elif value.span is not None:
            found |= {f"the least {name}": value.span[0], f"the greatest {name}": value.span[1]}
    need_finite(**found)
    return found


def _between(**ends: float) -> tuple[float, float]:
    """The span of a schedule that moves between its ``ends`` alone."""
    need_finite(**ends)
    return min(ends.values()), max(ends.values())


class Constant(Schedule):
    """The same number throughout.

    Raises:
        UserError: it is not finite.
    """

    def __init__(self, value: float):
        self.value, self.span = value, _between(value=value)

    def __call__(self, step: int) -> float:
        return self.value


class Linear(Schedule):
    """From ``start`` to ``stop`` in a straight line over ``steps`` steps, after waiting ``wait`` steps.

    With a beta from 0 to 1 this is KL annealing (Bowman et al. 2016): AutoGen with m falling from infinity to 0.

    Raises:
        UserError: ``steps`` or ``wait`` is under 0, or ``start`` or ``stop`` not finite.
    """

    def __init__(self, start: float = 0.0, stop: float = 1.0, steps: int = 5000, wait: int = 0):
        need(0, steps=steps, wait=wait)
        self.start, self.stop, self.steps, self.wait = start, stop, steps, wait
        self.end, self.span = wait + steps, _between(start=start, stop=stop)

    def __call__(self, step: int) -> float:
        share = 1.0 if step >= self.end else max(0, step - self.wait) / max(1, self.steps)
        return self.start + (self.stop - self.start) * share


class Logistic(Schedule):
    """From ``start`` to ``stop`` along 1 / (1 + exp(-sharpness (step - middle))) (Bowman et al. 2016).

    The curve is taken as arrived, and ends, where it is within one thousandth of ``stop``.

    Raises:
        UserError: ``sharpness`` is not above 0, or a number not finite.
    """

    def __init__(self, start: float = 0.0, stop: float = 1.0, middle: int = 2500, sharpness: float = 0.0025):
        if not sharpness > 0:
            raise UserError(f"Logistic's sharpness {sharpness}: give a number above 0.")
        need_finite(sharpness=sharpness)
        self.start, self.stop, self.middle, self.sharpness = start, stop, middle, sharpness
        self.end, self.span = middle + math.ceil(math.log(999.0) / sharpness), _between(start=start, stop=stop)

    def __call__(self, step: int) -> float:
        share = 1.0 if step >= self.end else 0.5 + 0.5 * math.tanh(0.5 * self.sharpness * (step - self.middle))
        return self.start + (self.stop - self.start) * share


class Cyclical(Schedule):
    """``cycles`` times from ``start`` to ``stop`` (Fu et al. 2019).

    Each cycle rises over its first ``rise`` (a share of it) and then stays level; after the last it stays at ``stop``.

    Raises:
        UserError: ``cycles`` is under 1, ``steps`` under 0, ``rise`` not above 0 and at most 1, or an end not finite.
    """

    def __init__(self, start: float = 0.0, stop: float = 1.0, steps: int = 10000, cycles: int = 4, rise: float = 0.5):
        need(1, cycles=cycles)
        need(0, steps=steps)
        if not 0 < rise <= 1:
            raise UserError(f"Cyclical's rise {rise}: give a share of the cycle above 0 and at most 1.")
        self.start, self.stop, self.steps, self.cycles, self.rise = start, stop, steps, cycles, rise
        self.end, self.span = steps, _between(start=start, stop=stop)

    def __call__(self, step: int) -> float:
        if step >= self.end:
            return self.stop
        position = (step * self.cycles / self.steps) % 1.0
        return self.start + (self.stop - self.start) * min(1.0, position / self.rise)
