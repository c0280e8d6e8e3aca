"""Checkpoints: a folder each, of ``safetensors`` and JSON, there whole or not at all.

    checkpoints/step-000001200/weights.safetensors   the system's parameters and buffers
                               learner.safetensors   the learner's own tensors
                               state.json            plain state, and the checksums of all three

A checkpoint is written beside, flushed, and renamed into place, so that a process killed at any moment leaves only
whole ones. Kept are the last two and the best as each of these knows it. Knows nothing of what the tensors mean.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from undersong.errors import UserError
from undersong.files import flush, write_through

WEIGHTS, LEARNER, STATE = "weights.safetensors", "learner.safetensors", "state.json"


class DamagedCheckpoint(UserError):
    """A checkpoint whose content is not what was written."""


@dataclass(frozen=True)
class Checkpoint:
    """All that the next step depends on.

    Attributes:
        step: steps taken.
        weights: of the system, by name.
        learner: what ``Learner.state`` gave.
        state: plain values: the loop's own memory; ``best_step`` names the best checkpoint so far, or None.
    """

    step: int
    weights: Mapping[str, Tensor]
    learner: Mapping[str, Tensor]
    state: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def steps(self) -> list[int]:
        """The steps of all checkpoints, oldest first."""
        numbers = (path.name.removeprefix("step-") for path in self.folder.glob("step-*"))
        return sorted(int(number) for number in numbers if number.isdecimal())  # a person may have kept a copy

    def path(self, step: int) -> Path:
        """The folder of one checkpoint."""
        return self.folder / f"step-{step:09d}"

    def save(self, checkpoint: Checkpoint) -> None:
        """Write one, and remove those no longer needed.

        Raises:
            OSError: it cannot be written; what there was of it is gone again.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        beside = self.folder / f"writing-{os.getpid()}"
        try:
            self._fill(beside, checkpoint)
            final = self.path(checkpoint.step)
            if final.exists():  # a damaged one, which this one replaces
                shutil.rmtree(final)
            os.rename(beside, final)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        flush(self.folder)
        self._prune()

    def state(self, step: int) -> Mapping[str, Any]:
        """The plain state of one checkpoint.

        Raises:
            DamagedCheckpoint: it is not what was written.
        """
        return self._content(step)["state"]

    def weights(self, step: int) -> dict[str, Tensor]:
        """The system's tensors alone.

        Raises:
            DamagedCheckpoint: they are not what was written.
        """
        return self._tensors(step, WEIGHTS, self._content(step))

    def load(self, step: int) -> Checkpoint:
        """All of one checkpoint.

        Raises:
            DamagedCheckpoint: some of it is not what was written.
        """
        content = self._content(step)
        weights, learner = (self._tensors(step, name, content) for name in (WEIGHTS, LEARNER))
        return Checkpoint(content["step"], weights, learner, content["state"])

    def latest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest whole checkpoint, if any, and what is wrong with each newer one."""
        refused: list[str] = []
        for step in reversed(self.steps()):
            try:
                return self.load(step), refused
            except DamagedCheckpoint as error:
                refused.append(str(error))
        return None, refused

    def forget_after(self, step: int) -> None:
        """Remove checkpoints newer than ``step``: those refused, when a run goes on from before them."""
        for newer in self.steps():
            if newer > step:
                shutil.rmtree(self.path(newer))

    def _fill(self, folder: Path, checkpoint: Checkpoint) -> None:
        folder.mkdir()
        files = {WEIGHTS: _packed(checkpoint.weights), LEARNER: _packed(checkpoint.learner)}
        content = {
            "step": checkpoint.step,
            "state": dict(checkpoint.state),
            "checksums": {name: _checksum(packed) for name, packed in files.items()},
        }
        files[STATE] = json.dumps({**content, "checksum": _checksum(_canonical(content))}, indent=1).encode()
        for name, packed in files.items():
            write_through(folder / name, packed)
        flush(folder)

    def _content(self, step: int) -> dict[str, Any]:
        path = self.path(step) / STATE
        try:
            content = json.loads(path.read_bytes())
            checksum = content.pop("checksum")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedCheckpoint(f"Checkpoint {path} cannot be read ({error}).") from None
        if checksum != _checksum(_canonical(content)):
            raise DamagedCheckpoint(f"Checkpoint {path} was changed after it was written (its checksum differs).")
        return content

    def _tensors(self, step: int, name: str, content: Mapping[str, Any]) -> dict[str, Tensor]:
        path = self.path(step) / name
        try:
            packed = path.read_bytes()
        except OSError as error:
            raise DamagedCheckpoint(f"Checkpoint {path} cannot be read ({error.strerror}).") from None
        if _checksum(packed) != content["checksums"][name]:
            raise DamagedCheckpoint(f"Checkpoint {path} is damaged (its checksum differs; {len(packed)} bytes).")
        return safetensors.torch.load(packed)

    def _prune(self) -> None:
        last_two = self.steps()[-2:]
        kept = set(last_two)
        for step in last_two:
            try:
                kept.add(self.state(step)["best_step"])
            except DamagedCheckpoint:  # its best is unknown: remove nothing
                return
        for step in self.steps():
            if step not in kept:
                shutil.rmtree(self.path(step))

    def _sweep(self) -> None:
        """Remove what a killed process was writing."""
        for left in self.folder.glob("writing-*"):
            shutil.rmtree(left)


def _packed(tensors: Mapping[str, Tensor]) -> bytes:
    return safetensors.torch.save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
