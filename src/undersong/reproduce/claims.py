"""What a claim of a paper is, and how the verdicts of its parts make its own.

A claim is all of its parts together. Each part is a small pure function of what was measured (``parts``) and says
**held** or **failed** only where a named test calls a difference real (p < 0.05); **met** or **not met** where a stated
threshold decides and no test; **open** where a comparison has no test or its test calls nothing real; **shown** where a
test of this repository shows an identity or a theorem. Knows nothing of any one paper, nor of how a part decides.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from undersong.reproduce.measured import Measured

Verdict = Literal["held", "failed", "met", "not met", "open", "shown", "in part", "not measured", "not planned"]
FOR: frozenset[Verdict] = frozenset({"held", "met", "shown"})
MEANINGS = (
    "held: a named test calls every difference real (p < 0.05) in the claimed direction; failed: no part held, and a "
    "test calls some difference real in the other direction; met, not met: a stated threshold decides, and no test; "
    "open: no test calls anything real, or one seed allows none; in part: some parts held or were met, others not; "
    "shown: an identity or a theorem, by a test of the repository."
)


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
        return together(finding.verdict for finding in self.findings)

    @property
    def told(self) -> tuple[Finding, ...]:
        """The findings for a reader: of those not measured only the first, and how many more there are."""
        known = [finding for finding in self.findings if finding.verdict != "not measured"]
        missing = [finding for finding in self.findings if finding.verdict == "not measured"]
        if len(missing) > 1:
            missing = [Finding(f"{missing[0].said}; and {len(missing) - 1} more", "not measured")]
        return (*known, *missing)


def decide(claims: Sequence[Claim], measured: Measured) -> list[Decision]:
    """Every claim's decision, by its parts on the rows of this scale."""
    return [_decision(claim, [part(measured) for part in claim.parts]) for claim in claims]


def _decision(claim: Claim, findings: Sequence[Finding]) -> Decision:
    planned = [finding for finding in findings if finding.verdict != "not planned"]
    return Decision(claim, tuple(planned or [replace(finding, verdict="not measured") for finding in findings]))


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict for several: a claim is no better than its weakest part, and one that nothing speaks for is not held.

    >>> together(["held", "met"]), together(["held", "open"]), together(["open", "failed"])
    ('met', 'in part', 'failed')
    """
    found = set(verdicts) - {"not measured", "not planned"}
    if len(found) < 2:
        return found.pop() if found else "not measured"
    if found <= FOR:
        return "met" if "met" in found else "held"
    if found & (FOR | {"in part"}):
        return "in part"
    return "failed" if "failed" in found else "not met"
