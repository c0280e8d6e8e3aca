"""The parts that claims are made of: figures of rows, a direction or a bound, and a test, named, where there is one.

Each function makes a ``Part``: asked of what was measured, it says its numbers and its verdict (see ``claims``). Knows
nothing of any one paper.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from undersong.measures.significance import Comparison, compare_seeds, mark, spread
from undersong.reproduce.claims import Finding, Part, Verdict, together
from undersong.reproduce.measured import Measured, OtherCorpus


def refusing(part: Part) -> Part:
    """A comparison of two corpora is refused, and the refusal said."""

    def asked(measured: Measured) -> Finding:
        try:
            return part(measured)
        except OtherCorpus as error:
            return Finding(str(error), "not measured")

    return asked


def more(first: str, second: str, key: str, digits: int = 2) -> Part:
    """The first row's figure is the greater."""

    @refusing
    def part(measured: Measured) -> Finding:
        if not (measured.values(first, key) and measured.values(second, key)):
            return missing(measured, f"{key} of {first} and {second}", first, second)
        numbers = f"{key}: {_both(measured, first, second, key, digits)}"
        return tested(numbers, measured.compare(first, second, key))

    return part


def less(first: str, second: str, key: str, digits: int = 2) -> Part:
    """The first row's figure is the smaller."""
    return more(second, first, key, digits)


def alike(first: str, second: str, key: str, share: float, digits: int = 2) -> Part:
    """Two figures differ by at most a share of the larger: the test's 95% interval lies inside that, or wholly outside.

    That a difference is not significant would not show it. With no test, the means decide.
    """

    @refusing
    def part(measured: Measured) -> Finding:
        values = measured.values(first, key), measured.values(second, key)
        if not all(values):
            return missing(measured, f"{key} of {first} and {second}", first, second)
        bound = share * max(abs(spread(side)[0]) for side in values)
        numbers = f"{key}: {_both(measured, first, second, key, digits)}; alike means within ±{bound:.{digits}f}"
        comparison = measured.compare(first, second, key)
        if comparison is None or comparison.low is None or comparison.high is None:
            near = abs(spread(values[0])[0] - spread(values[1])[0]) <= bound
            return Finding(f"{numbers}: {_yes(near)}; no test", _threshold(near))
        verdict: Verdict = "open"
        if -bound <= comparison.low and comparison.high <= bound:
            verdict = "held"
        elif comparison.low > bound or comparison.high < -bound:
            verdict = "failed"
        interval = f"95% interval of the difference {comparison.low:.{digits}f} to {comparison.high:.{digits}f}"
        return Finding(f"{numbers}; {interval}, {comparison.test}", verdict)

    return part


def within(row: str, key: str, low: float, high: float, digits: int = 2) -> Part:
    """Every seed's figure lies between two bounds (a threshold, no test)."""

    def part(measured: Measured) -> Finding:
        values = measured.values(row, key)
        if not values:
            return missing(measured, f"{key} of {row}", row)
        inside = all(low <= value <= high for value in values)
        said = f"{key}: {row} {measured.said(row, key, digits)}; every seed within [{low:g}, {high:g}]: {_yes(inside)}"
        return Finding(said, _threshold(inside))

    return part


def carries(row: str, least: float) -> Part:
    """Every seed's mutual information reaches ``least`` nats, or as much as its estimator can say (no test)."""

    def part(measured: Measured) -> Finding:
        key = "mutual_information"
        values = measured.together(row, key, f"{key}_cap")
        if not values:
            return missing(measured, f"{key} of {row}", row)
        caps = [cap for _, cap in values]
        aims = [min(least, 0.95 * cap) for cap in caps]
        enough = all(value >= aim for (value, _), aim in zip(values, aims, strict=True))
        said = f"{key}: {row} {measured.said(row, key)}, its estimator's cap {min(caps):.2f}"
        return Finding(f"{said}; every seed at least {min(aims):.2f}: {_yes(enough)}", _threshold(enough))

    return part


def below(row: str, key: str, other: str, digits: int = 2) -> Part:
    """One figure of a row is smaller than another of the same row (tested over seeds, where there are any).

    The test is of the differences, one a seed, against none at all: the two figures rise and fall together.
    """

    def part(measured: Measured) -> Finding:
        pairs = measured.together(row, key, other)
        if not pairs:
            return missing(measured, f"{key} of {row}", row)
        numbers = f"{row}: {_one(measured, row, key, digits)}, {_one(measured, row, other, digits)}"
        comparison = compare_seeds([b - a for a, b in pairs], np.zeros(len(pairs)))  # Welch's against zeros is paired t
        if comparison is None:
            return Finding(f"{numbers}; one seed, no test", _threshold(all(a < b for a, b in pairs)))
        return tested(numbers, replace(comparison, test=f"paired t-test over {len(pairs)} seeds"))

    return part


def larger_gap(first: str, second: str, few: str, many: str) -> Part:
    """The first row leads the second by more in one figure than in another (tested over seeds, where there are any)."""

    @refusing
    def part(measured: Measured) -> Finding:
        sides = [measured.together(row, few, many) for row in (first, second)]
        if not all(sides):
            return missing(measured, f"{few} of {first} and {second}", first, second)
        gaps = np.mean(sides[0], 0) - np.mean(sides[1], 0)  # in few and in many
        numbers = f"{first} leads {second} by {gaps[0]:.3f} in {few} and by {gaps[1]:.3f} in {many}"
        measured.need_one_corpus(first, second)
        return tested(numbers, compare_seeds(*([a - b for a, b in side] for side in sides)))

    return part


def rises(row: str, key: str, slack: float) -> Part:
    """While training, the held-out figure never ends lower than it once was, by more than ``slack`` (no test)."""
    return _at_the_end(row, key, slack, rising=True)


def falls_again(row: str, key: str, slack: float) -> Part:
    """While training, the held-out figure ends lower than it once was, by more than ``slack`` (no test)."""
    return _at_the_end(row, key, slack, rising=False)


def _at_the_end(row: str, key: str, slack: float, rising: bool) -> Part:
    def part(measured: Measured) -> Finding:
        curves = [[p[key] for p in curve if p[key] is not None] for curve in measured.curves(row)]
        drops = [max(curve) - curve[-1] for curve in curves if curve]
        if not drops:
            return missing(measured, f"{key} of {row} over training", row)
        kept = all(drop <= slack for drop in drops)
        text = ", ".join(f"{drop:.2f}" for drop in drops)
        said = f"{key} of {row} at the end, below its highest: {text} (more than {slack:g} counts as falling; no test)"
        return Finding(said, _threshold(kept == rising))

    return part


def ordered(rows: Sequence[str], key: str, falling: bool = False, digits: int = 2) -> Part:
    """A figure rises (or falls) from each row to the next, each step decided as ``more`` decides it."""

    def part(measured: Measured) -> Finding:
        known = [row for row in rows if measured.values(row, key)]
        if len(known) < 2:
            return missing(measured, f"{key} from each to the next of {', '.join(rows)}", *rows)
        steps = [(less if falling else more)(b, a, key)(measured).verdict for a, b in pairwise(known)]
        text = ", ".join(f"{row} {spread(measured.values(row, key))[0]:.{digits}f}" for row in known)
        way, count = "falls" if falling else "rises", len(steps)
        tests = (f"{steps.count(verdict)} {verdict}" for verdict in dict.fromkeys(steps))
        means = [spread(measured.values(row, key))[0] * (-1 if falling else 1) for row in known]
        said = f"{key} {way} in {sum(b > a for a, b in pairwise(means))} of {count} steps: {text}; "
        return Finding(f"{said}each step by its own test: {', '.join(tests)}", together(steps))

    return part


def all_or_none(rows: Sequence[str]) -> Part:
    """Every row's active units are all of its dimensions or none of them (no test)."""
    return _active(rows, "all or none", lambda units, size: units in (0, size))


def some_idle(rows: Sequence[str]) -> Part:
    """Every row that has not collapsed has fewer active units than dimensions (no test)."""
    return _active(rows, "some idle", lambda units, size: units < size, collapsed=False)


def _active(rows: Sequence[str], kind: str, right: Callable[[float, int], bool], collapsed: bool = True) -> Part:
    """Every seed's active units are right; a row all of whose seeds collapsed may be left out."""

    def part(measured: Measured) -> Finding:
        key = "active_units"
        known = [row for row in rows if (units := measured.values(row, key)) and (collapsed or any(units))]
        if not known:
            return missing(measured, f"{key} of {', '.join(rows)}", *rows)
        found = [_threshold(all(map(right, measured.values(row, key), measured.sizes(row)))) for row in known]
        text = ", ".join(f"{row} {measured.said(row, key, 0)} of {measured.sizes(row)[0]}" for row in known)
        return Finding(f"{key}: {text}; {kind} in {found.count('met')} of {len(found)} rows, no test", together(found))

    return part


def some(*parts: Part) -> Part:
    """At least one of several is so: for what a paper says *can* happen."""

    def part(measured: Measured) -> Finding:
        findings = [one(measured) for one in parts]
        order: tuple[Verdict, ...] = ("held", "met", "open", "not met", "failed", "not measured", "not planned")
        known = [finding for finding in findings if finding.verdict in order[:5]] or findings[:1]
        verdict = min((finding.verdict for finding in known), key=order.index)
        return Finding("; or ".join(finding.said for finding in known), verdict)

    return part


def shown(test: str) -> Part:
    """An identity or a theorem: a test of the repository shows it, and no figure could."""
    return lambda measured: Finding(f"no figure decides it; see {test}", "shown")


def left_out(why: str) -> Part:
    """What was not measured at all, and why."""
    return lambda measured: Finding(why, "not measured")


def missing(measured: Measured, what: str, *rows: str) -> Finding:
    """What is not there: not measured yet, or of a row that is not planned at this scale at all."""
    planned = all(measured.plans(row) for row in rows)
    return Finding(f"{what}: not measured", "not measured" if planned else "not planned")


def tested(numbers: str, comparison: Comparison | None) -> Finding:
    """What a test says of a difference that should be positive."""
    if comparison is None:
        return Finding(f"{numbers}; one seed, no test", "open")
    verdict: Verdict = "open"
    if comparison.real():
        verdict = "held" if comparison.difference > 0 else "failed"
    return Finding(f"{numbers}; {mark(comparison)}", verdict)


def _both(measured: Measured, first: str, second: str, key: str, digits: int) -> str:
    return f"{first} {measured.said(first, key, digits)}, {second} {measured.said(second, key, digits)}"


def _one(measured: Measured, row: str, key: str, digits: int) -> str:
    at_cap = any(measured.values(row, f"{key}_at_cap"))
    return f"{key} {measured.said(row, key, digits)}" + (", at its estimator's cap" if at_cap else "")


def _threshold(true: bool) -> Verdict:
    return "met" if true else "not met"


def _yes(true: bool) -> str:
    return "yes" if true else "no"
