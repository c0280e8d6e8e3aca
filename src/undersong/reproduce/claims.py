"""What a claim of a paper is, and what deciding it takes: figures of rows, a direction, and a test that is named.

A claim has parts, each a small pure function of what was measured. A part that a comparison decides is *held* if a
named test calls the difference real in the claimed direction, *failed* if it calls it real in the other, and *open*
otherwise. Knows nothing of any one paper.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from undersong.measures.significance import compare_seeds, mark, spread
from undersong.reproduce.measured import Measured

Verdict = Literal["held", "in part", "failed", "open", "not measured"]


@dataclass(frozen=True)
class Finding:
    """What came of one part: a sentence with its numbers and its test, and the verdict."""

    said: str
    verdict: Verdict


Part = Callable[[Measured], Finding]


@dataclass(frozen=True)
class Claim:
    """A claim and how it is decided.

    Attributes:
        name: short.
        where: in the paper.
        text: what the paper says.
        paper: the number it prints, or that it prints none.
        parts: what must be so.
    """

    name: str
    where: str
    text: str
    paper: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Decision:
    """A claim with what came of it."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """All parts together; parts that were not measured do not count while others were."""
        found = {finding.verdict for finding in self.findings} - {"not measured"}
        if not found:
            return "not measured"
        return found.pop() if len(found) == 1 else "in part"


def decide(claims: Sequence[Claim], measured: Measured) -> list[Decision]:
    """Every claim's decision."""
    return [Decision(claim, tuple(part(measured) for part in claim.parts)) for claim in claims]


def more(first: str, second: str, key: str, digits: int = 2) -> Part:
    """The first row's figure is the greater."""

    def part(measured: Measured) -> Finding:
        values = measured.values(first, key), measured.values(second, key)
        numbers = f"{key}: {first} {measured.said(first, key, digits)}, {second} {measured.said(second, key, digits)}"
        if not all(values):
            return Finding(f"{key} of {first} and {second}: not measured", "not measured")
        comparison = measured.compare(first, second, key)
        if comparison is None:
            return Finding(f"{numbers}; one seed, no test", "open")
        verdict: Verdict = "open"
        if comparison.real():
            verdict = "held" if comparison.difference > 0 else "failed"
        return Finding(f"{numbers}; {mark(comparison)}", verdict)

    return part


def less(first: str, second: str, key: str, digits: int = 2) -> Part:
    """The first row's figure is the smaller."""
    return more(second, first, key, digits)


def within(row: str, key: str, low: float, high: float, digits: int = 2) -> Part:
    """Every seed's figure lies between two bounds (a threshold, no test)."""

    def part(measured: Measured) -> Finding:
        values = measured.values(row, key)
        if not values:
            return Finding(f"{key} of {row}: not measured", "not measured")
        inside = all(low <= value <= high for value in values)
        said = f"{key}: {row} {measured.said(row, key, digits)}; every seed within [{low:g}, {high:g}]: {_yes(inside)}"
        return Finding(said, "held" if inside else "failed")

    return part


def carries(row: str, least: float) -> Part:
    """Every seed's mutual information reaches ``least`` nats, or as much as its estimator can say (no test)."""

    def part(measured: Measured) -> Finding:
        key = "mutual_information"
        values, caps = measured.values(row, key), measured.values(row, f"{key}_cap")
        if not values:
            return Finding(f"{key} of {row}: not measured", "not measured")
        aims = [min(least, 0.95 * cap) for cap in caps]
        enough = all(value >= aim for value, aim in zip(values, aims, strict=True))
        said = f"{key}: {row} {measured.said(row, key)}, its estimator's cap {min(caps):.2f}"
        return Finding(f"{said}; every seed at least {min(aims):.2f}: {_yes(enough)}", _verdict(enough))

    return part


def below(row: str, key: str, other: str, digits: int = 2) -> Part:
    """One figure of a row is smaller than another of the same row, from every seed (no test)."""

    def part(measured: Measured) -> Finding:
        pairs = list(zip(measured.values(row, key), measured.values(row, other), strict=False))
        if not pairs:
            return Finding(f"{key} of {row}: not measured", "not measured")
        share = all(a < b for a, b in pairs)
        said = f"{row}: {key} {measured.said(row, key, digits)}, {other} {measured.said(row, other, digits)}; no test"
        return Finding(said, "held" if share else "failed")

    return part


def larger_gap(first: str, second: str, few: str, many: str) -> Part:
    """The first row leads the second by more in one figure than in another (tested over seeds, where there are any)."""

    def part(measured: Measured) -> Finding:
        sides = [(measured.values(row, few), measured.values(row, many)) for row in (first, second)]
        if not all(values for side in sides for values in side):
            return Finding(f"{few} of {first} and {second}: not measured", "not measured")
        gaps = [spread(sides[0][i])[0] - spread(sides[1][i])[0] for i in (0, 1)]
        numbers = f"{first} leads {second} by {gaps[0]:.3f} in {few} and by {gaps[1]:.3f} in {many}"
        comparison = compare_seeds(*(np.subtract(*side) for side in sides))
        if comparison is None:
            return Finding(f"{numbers}; one seed, no test", "open")
        verdict: Verdict = "open"
        if comparison.real():
            verdict = "held" if comparison.difference > 0 else "failed"
        return Finding(f"{numbers}; {mark(comparison)}", verdict)

    return part


def rises(row: str, key: str, slack: float) -> Part:
    """While training, the held-out figure never ends lower than it once was, by more than ``slack``."""
    return _at_the_end(row, key, slack, held=True)


def falls_again(row: str, key: str, slack: float) -> Part:
    """While training, the held-out figure ends lower than it once was, by more than ``slack``."""
    return _at_the_end(row, key, slack, held=False)


def _at_the_end(row: str, key: str, slack: float, held: bool) -> Part:
    def part(measured: Measured) -> Finding:
        curves = [[p[key] for p in curve if p[key] is not None] for curve in measured.curves(row)]
        drops = [max(curve) - curve[-1] for curve in curves if curve]
        if not drops:
            return Finding(f"{key} of {row} over training: not measured", "not measured")
        kept = all(drop <= slack for drop in drops)
        text = ", ".join(f"{drop:.2f}" for drop in drops)
        said = f"{key} of {row} at the end, below its highest: {text} (more than {slack:g} counts as falling)"
        return Finding(said, "held" if kept == held else "failed")

    return part


def ordered(rows: Sequence[str], key: str, falling: bool = False) -> Part:
    """A figure rises (or falls) from each row to the next (means over seeds, no test)."""

    def part(measured: Measured) -> Finding:
        known = [row for row in rows if measured.values(row, key)]
        if len(known) < 2:
            return Finding(f"{key} over {', '.join(rows)}: fewer than two measured", "not measured")
        means = [spread(measured.values(row, key))[0] for row in known]
        steps = [(b - a) * (-1 if falling else 1) > 0 for a, b in pairwise(means)]
        text = ", ".join(f"{row} {mean:.2f}" for row, mean in zip(known, means, strict=True))
        way = "falls" if falling else "rises"
        said = f"{key} {way} in {sum(steps)} of {len(steps)} steps: {text}; means, no test"
        return Finding(said, "held" if all(steps) else "failed" if not any(steps) else "in part")

    return part


def _verdict(true: bool) -> Verdict:
    return "held" if true else "failed"


def _yes(true: bool) -> str:
    return "yes" if true else "no"
