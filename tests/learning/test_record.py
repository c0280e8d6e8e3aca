"""The record of a run is JSON for any reader."""

import math
from pathlib import Path

from undersong.learning.record import Record, read_record


def test_a_number_that_is_none_or_infinite_is_null(tmp_path: Path) -> None:
    """JSON has no word for it: `NaN` is Python's own."""
    record = Record(tmp_path / "metrics.jsonl")
    record.write({"loss": math.nan, "gradient_norm": math.inf, "kl": -math.inf, "step": 3})
    record.close()
    written = '{"loss": null, "gradient_norm": null, "kl": null, "step": 3}\n'
    assert (tmp_path / "metrics.jsonl").read_text(encoding="utf-8") == written
    assert read_record(tmp_path / "metrics.jsonl")[0]["loss"] is None
