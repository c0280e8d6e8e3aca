"""The collapse doctor: at a run's side while it trains, and for finished runs.

Knows nothing of what makes an illness: that is ``diagnosis``.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from undersong.learning import configuration
from undersong.learning.checkpoint import Checkpoints, DamagedCheckpoint
from undersong.learning.configuration import CONFIG
from undersong.learning.diagnosis import Case, Finding, diagnose
from undersong.learning.record import Line, read_record
from undersong.learning.run import CHECKPOINTS, METRICS, read_info


class Watch:
    """The doctor at a run's side: says each illness once, when it is first seen.

    Args:
        case: the run, with what was recorded of it so far.
        known: names of findings told already.
        say: tells a person.
    """

    def __init__(self, case: Case, known: set[str], say: Callable[[str], None]):
        self.case, self.known, self.say = case, known, say

    def __call__(self, line: Line) -> list[Line]:
        """Look at a new held-out line; what is new, as lines for the record."""
        self.case = replace(self.case, valid=[*self.case.valid, line])
        new = [f for f in diagnose(self.case) if not f.healthy and f.name not in self.known]
        self.known |= {f.name for f in new}
        for finding in new:
            self.say(f"doctor: {finding}")
        return [finding.line(line["step"]) for finding in new]


def doctor(run: str | Path) -> list[Finding]:
    """What is to be said of a run's folder, finished or not; its weights are not read.

    Args:
        run: the folder.

    Raises:
        UserError: it holds no run.
    """
    path = Path(run)
    config, info = configuration.read(path / CONFIG), read_info(path)
    valid = [line for line in read_record(path / METRICS) if line["kind"] == "valid"]
    return diagnose(Case(config, info["latent"], info["settled"], valid, _over(path)))


def _over(path: Path) -> bool:
    """Whether the run needs no more training, as its newest whole checkpoint says."""
    checkpoints = Checkpoints(path / CHECKPOINTS)
    for step in reversed(checkpoints.steps()):
        try:
            return checkpoints.state(step).get("stopped") is not None
        except DamagedCheckpoint:
            continue
    return False


def doctor_command(run: Path, json: bool = False) -> int:
    """Say whether a run's posterior collapsed or its rate exploded, with the evidence and what to try next.

    Args:
        run: the run's folder.
        json: print a JSON list instead of sentences.
    """
    import json as plain

    found = doctor(run)
    if json:
        print(plain.dumps([{**asdict(finding), "advice": list(finding.advice)} for finding in found], indent=1))
    for finding in [] if json else found:
        print(f"{finding.name}: {finding}")
    return 0
