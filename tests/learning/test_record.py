"""The record of a run is JSON for any reader."""

import io
import math
from pathlib import Path

import pytest
from tests.learning.small import last_weights, learn
from tests.learning.test_killed import events

from undersong.errors import UserError
from undersong.learning import record as module
from undersong.learning.record import Record, read_record


def test_a_number_that_is_none_or_infinite_is_null(tmp_path: Path) -> None:
    """JSON has no word for it: `NaN` is Python's own."""
    record = Record(tmp_path / "metrics.jsonl")
    record.write({"kind": "train", "loss": math.nan, "gradient_norm": math.inf, "kl": -math.inf, "step": 3})
    record.close()
    written = '{"kind": "train", "loss": null, "gradient_norm": null, "kl": null, "step": 3}\n'
    assert (tmp_path / "metrics.jsonl").read_text(encoding="utf-8") == written
    assert read_record(tmp_path / "metrics.jsonl")[0]["loss"] is None


@pytest.mark.parametrize("line", [b"\xff\xfe", b"3", b"null", b'"kind"', b"[]", b"{}", b"{"])
def test_a_line_that_is_no_line_of_a_record_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"kind": "train", "step": 1}\n' + line + b"\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 2, is not a JSON object with a kind"):
        read_record(path)


class Disk(io.FileIO):
    """A file on a disk that takes so many bytes more, some of a line if need be, and is full then."""

    room = 0

    def write(self, content: bytes) -> int:  # type: ignore[override]
        if not self.room:
            raise OSError(28, "No space left on device")
        written = super().write(content[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize(("room", "begun"), [(0, True), (100, True), (450, True), (100, False)])
def test_a_full_disk_is_said_and_how_to_go_on(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, begun: bool
) -> None:
    """In turn no byte of a line of training fits, a part of it, a part of the held-out line after it."""

    def opened(path: Path, mode: str, buffering: int = -1) -> io.RawIOBase | io.BufferedWriter:
        disk = Disk(path, mode)
        disk.room = room
        return disk if buffering == 0 else io.BufferedWriter(disk)

    if begun:
        learn(corpus, tmp_path / "run", steps=10)
    monkeypatch.setattr(module, "open", opened, raising=False)
    kept = "checkpoint of step 10 is kept" if begun else "no checkpoint yet"
    with pytest.raises(UserError, match=rf"metrics\.jsonl \(No space left on device\).*{kept}.*--resume true"):
        learn(corpus, tmp_path / "run", steps=40, resume=True)
    monkeypatch.undo()
    again, whole = learn(corpus, tmp_path / "run", steps=40, resume=True), learn(corpus, tmp_path / "whole", steps=40)
    assert last_weights(again.path) == last_weights(whole.path)
    assert events(again.path) == events(whole.path)
