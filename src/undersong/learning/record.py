"""``metrics.jsonl``: what happened in a run, one JSON object a line.

Every line has ``kind`` and ``step`` (steps taken so far); numbers are finite or null.

    kind "train", a few steps together: epoch, seconds (spent training), sentences, tokens, tokens_per_second, and
        the learner's own figures, means a sentence with the training's noise (Gradient: loss, gradient_norm,
        reconstruction, kl)
    kind "valid", held-out sentences: epoch, seconds, the names of ``validation.figures``, and best: whether it is the
        best value of the objective so far
    kind "doctor": what ``diagnosis.Finding`` holds

Knows nothing of what the numbers mean.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

from undersong.errors import UserError

Line = dict[str, Any]


class Record:
    """Appends lines; ``size`` bytes of them are kept from before.

    Args:
        path: the file.
        size: where to cut it back to, when a run resumes from a checkpoint; 0 for a new file.
    """

    def __init__(self, path: Path, size: int = 0):
        self.path = path
        # Open as long as the run, and unbuffered: what a full disk refuses must not be tried again when it is closed.
        self.file = open(path, "ab", buffering=0)  # noqa: SIM115
        there = path.stat().st_size
        if size > there:  # somebody cut it: truncating to more would fill it up with NULs
            size = path.read_bytes().rfind(b"\n") + 1
        self.file.truncate(size)
        self.file.seek(0, os.SEEK_END)

    def write(self, line: Line) -> None:
        """Add a line, readable at once by whoever watches the file.

        Raises:
            OSError: it cannot be written whole; what there is of it counts as cut off.
        """
        left = json.dumps({name: _finite(v) for name, v in line.items()}).encode() + b"\n"
        while left:
            left = left[self.file.write(left) :]

    def flushed(self) -> int:
        """Bytes so far, all of them on the disk."""
        os.fsync(self.file.fileno())
        return self.file.tell()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def read_record(path: Path) -> list[Line]:
    """All lines; a last one that was cut off by a kill is left out.

    Raises:
        UserError: another line is damaged, or has no kind.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = content[: content.rfind(b"\n") + 1]
    lines = []
    for number, text in enumerate(whole.splitlines(), 1):
        try:
            line = json.loads(text)
        except ValueError:  # of the text or, before that, of its bytes
            line = None
        if not isinstance(line, dict) or "kind" not in line:
            raise UserError(
                f"{path}, line {number}, is not a JSON object with a kind: the file was changed after it was written."
            )
        lines.append(line)
    return lines


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
