"""The figures of one run, in a file that is whole after every addition.

Each answer is kept beside the settings it was found with, and all are of the weights of one step: those of another are
dropped, and found anew. Knows nothing of what is measured, nor of other runs.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from undersong.files import write_atomically
from undersong.learning import Run
from undersong.models import event

HELD_OUT = ("elbo", "kl", "kl_percent", "reconstruction", "active_units")


class Sheet:
    """The figures of one run, in a file that is whole after every addition.

    Args:
        order: which run of which row it is, and where its figures are kept.
        about: what the file says of the run itself, with the ``step`` whose weights are measured. Where the file says
            it otherwise, it is written anew at once; where it knows of no step, its answers are believed.
    """

    def __init__(self, order: dict[str, Any], about: dict[str, Any]):
        self.path = Path(order["figures"])
        known: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        head = {"row": order["row"], "label": order["label"], "seed": order["seed"], "train": order["recipe"], **about}
        self.head = _plain(head | {"versions": known.get("versions") or versions()})
        of_these_weights = known.get("step") in (None, about["step"])
        self.answers: list[dict[str, Any]] = known.get("answers", []) if of_these_weights else []
        if known and any(known.get(key) != value for key, value in self.head.items()):
            self._write()

    def lacks(self, settings: dict[str, Any]) -> bool:
        """Whether nothing was measured with these settings."""
        return self.figures(settings) is None

    def figures(self, settings: dict[str, Any]) -> dict[str, float | None] | None:
        """What was measured with these settings; None where nothing was."""
        return next((a["figures"] for a in self.answers if a["settings"] == _plain(settings)), None)

    def add(
        self, settings: dict[str, Any], figures: dict[str, float | None], left_out: dict[str, str], seconds: float
    ) -> None:
        """Write an answer down, in the place of an earlier one of the same measure."""
        new = _plain({"settings": settings, "figures": figures, "left_out": left_out, "seconds": round(seconds, 1)})
        kept = [a for a in self.answers if _subject_of(a) != _subject_of(new)]
        self.answers = [*kept, new]
        self.head["versions"] = versions()
        self._write()

    def _write(self) -> None:
        figures = {name: value for answer in self.answers for name, value in answer["figures"].items()}
        whole = {**self.head, "figures": figures, "answers": self.answers}
        write_atomically(self.path, json.dumps(whole, indent=1).encode())


def _subject_of(answer: dict[str, Any]) -> str:
    settings = answer["settings"]
    return settings["measure"]["class_path"] if "measure" in settings else next(iter(settings))


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def opened(order: dict[str, Any], run: Run) -> Sheet:
    """The sheet of a trained run, with what held-out sentences said at the end of its training (``valid_...``)."""
    corpus, line = run.corpus(), curve(run)
    about = {
        "corpus": {"hash": corpus.hash, "vocabulary": corpus.vocab_size, "sentences": len(corpus.train)},
        "event": event(run.system.model),
        "step": run.step,
        "curve": line,
    }
    sheet = Sheet(order, about)
    if line:
        settings, found = {"validation": "at the end of training"}, {f"valid_{key}": line[-1][key] for key in HELD_OUT}
        if sheet.figures(settings) != found:
            sheet.add(settings, found, {}, 0.0)
    return sheet


def versions() -> dict[str, str]:
    """Of what computes the figures."""
    return {name: version(name) for name in ("undersong", "torch", "numpy")} | {"python": platform.python_version()}


def curve(run: Run) -> list[dict[str, Any]]:
    """What Figure 2 of AutoGen shows: KL as a share of the objective, and the ELBO, on held-out sentences by step."""
    keys = ("step", "elbo", "kl", "reconstruction", "kl_percent", "active_units")
    return [{key: line.get(key) for key in keys} for line in run.metrics() if line["kind"] == "valid"]
