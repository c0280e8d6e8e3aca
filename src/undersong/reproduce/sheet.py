"""The figures of one run, in a file that is whole after every addition.

Each answer is kept beside the settings it was found with. Knows nothing of what is measured, nor of other runs.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from undersong.files import write_atomically
from undersong.learning import Run

HELD_OUT = ("elbo", "kl", "kl_percent", "reconstruction", "active_units")


class Sheet:
    """The figures of one run, in a file that is whole after every addition."""

    def __init__(self, order: dict[str, Any]):
        self.path = Path(order["figures"])
        self.about: dict[str, Any] = {}
        self.head = {"row": order["row"], "label": order["label"], "seed": order["seed"], "train": order["recipe"]}
        self.answers: list[dict[str, Any]] = []
        if self.path.exists():
            self.answers = json.loads(self.path.read_text(encoding="utf-8"))["answers"]

    def lacks(self, settings: dict[str, Any]) -> bool:
        """Whether nothing was measured with these settings."""
        return all(answer["settings"] != _plain(settings) for answer in self.answers)

    def add(
        self, settings: dict[str, Any], figures: dict[str, float | None], left_out: dict[str, str], seconds: float
    ) -> None:
        """Write an answer down, in the place of an earlier one of the same measure."""
        new = _plain({"settings": settings, "figures": figures, "left_out": left_out, "seconds": round(seconds, 1)})
        kept = [a for a in self.answers if _subject_of(a) != _subject_of(new)]
        self.answers = [*kept, new]
        figures = {name: value for answer in self.answers for name, value in answer["figures"].items()}
        whole = {**self.head, **self.about, "figures": figures, "answers": self.answers}
        write_atomically(self.path, json.dumps(whole, indent=1).encode())


def _subject_of(answer: dict[str, Any]) -> str:
    settings = answer["settings"]
    return settings["measure"]["class_path"] if "measure" in settings else next(iter(settings))


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def opened(order: dict[str, Any], run: Run) -> Sheet:
    """The sheet of a trained run, with what held-out sentences said at the end of its training (``valid_...``)."""
    sheet, corpus, line = Sheet(order), run.corpus(), curve(run)
    sheet.about = {
        "corpus": {"hash": corpus.hash, "vocabulary": corpus.vocab_size, "sentences": len(corpus.train)},
        "versions": versions(),
        "step": run.step,
        "curve": line,
    }
    settings = {"validation": "at the end of training"}
    if line and sheet.lacks(settings):
        sheet.add(settings, {f"valid_{key}": line[-1][key] for key in HELD_OUT}, {}, 0.0)
    return sheet


def versions() -> dict[str, str]:
    """Of what computes the figures."""
    return {name: version(name) for name in ("undersong", "torch", "numpy")} | {"python": platform.python_version()}


def curve(run: Run) -> list[dict[str, Any]]:
    """What Figure 2 of AutoGen shows: KL as a share of the objective, and the ELBO, on held-out sentences by step."""
    keys = ("step", "elbo", "kl", "reconstruction", "kl_percent", "active_units")
    return [{key: line.get(key) for key in keys} for line in run.metrics() if line["kind"] == "valid"]
