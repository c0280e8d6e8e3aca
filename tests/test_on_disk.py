"""What is said to be written is on the disk, whole: a power cut right after loses none of it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from undersong.data.output import new_folder
from undersong.learning.checkpoint import Checkpoint, Checkpoints
from undersong.learning.record import Record

OnDisk = Callable[[Path], bool]


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> OnDisk:
    """Whether a file, or a folder, was flushed to the disk as it is now."""
    flush, flushed = os.fsync, set()

    def watched(descriptor: int) -> None:
        found = os.fstat(descriptor)
        flushed.add((found.st_ino, found.st_size))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    return lambda path: (path.stat().st_ino, path.stat().st_size) in flushed


def test_a_checkpoint(tmp_path: Path, on_disk: OnDisk) -> None:
    kept = Checkpoints(tmp_path)
    kept.save(Checkpoint(1, {"w": torch.zeros(1)}, {"m": torch.zeros(1)}, {"best_step": None}))
    files = list(kept.path(1).iterdir())
    assert len(files) == 3
    assert [path.name for path in files if not on_disk(path)] == []


def test_a_record_when_it_says_how_much_it_holds(tmp_path: Path, on_disk: OnDisk) -> None:
    record = Record(tmp_path / "metrics.jsonl")
    record.write({"kind": "train", "step": 1})
    assert record.flushed() == (tmp_path / "metrics.jsonl").stat().st_size
    assert on_disk(tmp_path / "metrics.jsonl")
    record.close()


def test_a_folder_that_appears_and_all_that_is_in_it(tmp_path: Path, on_disk: OnDisk) -> None:
    with new_folder(tmp_path / "out", False, "mark", ["mark", "words"]) as work:
        (work / "mark").write_text("ours")
        (work / "words").write_text("many")
    for path in (tmp_path / "out" / "mark", tmp_path / "out" / "words", tmp_path / "out", tmp_path):
        assert on_disk(path), path
