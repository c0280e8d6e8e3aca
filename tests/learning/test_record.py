"""The record of a run is JSON for any reader."""

import math
from pathlib import Path

import pytest

from undersong.errors import UserError
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
