"""All figures of one trained run: its bounds and codes, and the measures its row asks for.

Each answer is kept beside its measure's full settings: a changed setting is measured anew, and nothing else is. Knows
nothing of other runs.
"""

import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jsonargparse import ArgumentParser

from undersong.configurable import describe
from undersong.decoding.search import Search
from undersong.evaluation.evaluate import evaluate
from undersong.evaluation.measure import Measure
from undersong.evaluation.pairs import sentence_scores
from undersong.evaluation.subject import Subject
from undersong.evaluation.suite import examine
from undersong.learning import Run
from undersong.learning.files import write_atomically
from undersong.reproduce.measured import SENTENCES


def judge(order: dict[str, Any]) -> None:
    """Measure what the figures file lacks, and write it after every measure."""
    run, sheet = Run.load(order["run"]), Sheet(order)
    corpus = run.corpus()
    sheet.about = {
        "corpus": {"hash": corpus.hash, "vocabulary": corpus.vocab_size, "sentences": len(corpus.train)},
        "versions": {"undersong": version("undersong"), "torch": torch.__version__, "numpy": np.__version__},
        "step": run.step,
        "curve": curve(run),
    }
    settings = {"evaluate": order["evaluate"]}
    if sheet.lacks(settings):
        began = time.monotonic()
        found = evaluate(run.path, split="test", **order["evaluate"])
        numbers = {k: v for k, v in found.items() if v is None or isinstance(v, int | float)}
        sheet.add(settings, numbers, {}, time.monotonic() - began)
    asked = parsed(order)
    options = dict(order["subject"]) | {"search": asked.pop("search")}
    subject = Subject(run.system, corpus, **options)
    for measure in asked["measures"]:
        settings = {"measure": describe(measure), "subject": order["subject"]}
        if sheet.lacks(settings):
            answers = examine(subject, [measure])
            sheet.add(settings, answers.figures, answers.left_out, sum(answers.seconds.values()))
    if subject.latent and not (run.path / SENTENCES).exists():
        with open(run.path / SENTENCES, "wb") as file:
            np.savez(file, **sentence_scores(subject))  # type: ignore[arg-type]  # arrays by name


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
    return settings["measure"]["class_path"] if "measure" in settings else "evaluate"


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def parsed(order: dict[str, Any]) -> dict[str, Any]:
    """The order's measures and search as objects; classes by short name or dotted path, with nothing registered."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--measures", type=list[Measure])
    parser.add_argument("--search", type=Search | None, default=None)
    plain = {"measures": [m if isinstance(m, dict) else {"class_path": m} for m in order["measures"]]}
    made = parser.instantiate(parser.parse_object(plain | {"search": order["subject"].get("search")}))
    return {"measures": made.measures, "search": made.search}


def curve(run: Run) -> list[dict[str, Any]]:
    """What Figure 2 of AutoGen shows: KL as a share of the objective, and the ELBO, on held-out sentences by step."""
    keys = ("step", "elbo", "kl", "reconstruction", "kl_percent", "active_units")
    return [{key: line.get(key) for key in keys} for line in run.metrics() if line["kind"] == "valid"]
