"""What is known of one run: its choices, what happened while it trained, how it was judged, what the doctor says.

Knows nothing of other runs or of how it is shown.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from undersong.data.store import Corpus
from undersong.errors import UserError
from undersong.evaluation.evaluate import evaluate, judged
from undersong.learning import Run
from undersong.learning.doctor import Finding, doctor
from undersong.learning.record import Line
from undersong.models import ExactModel, Generative
from undersong.text import visible

Figures = Mapping[str, Any]
SplitName = Literal["test", "valid"]


@dataclass(frozen=True)
class Evidence:
    """A run under comparison.

    Attributes:
        name: tells it from the others.
        run: the trained run.
        metrics: the lines of its record.
        figures: what ``evaluate`` answered; empty where the run cannot be judged.
        unjudged: why it cannot, or None.
        findings: what the doctor says of it.
        corpus: what it was trained on, or None if that is not there any more.
    """

    name: str
    run: Run
    metrics: Sequence[Line]
    figures: Figures
    unjudged: str | None
    findings: Sequence[Finding]
    corpus: Corpus | None

    @staticmethod
    def of(name: str, run: Run, split: SplitName) -> "Evidence":
        """Gather it; a run that was not judged on this split yet, or was trained further since, is judged now."""
        figures, unjudged = _figures(name, run, split)
        return Evidence(name, run, run.metrics(), figures, unjudged, doctor(run.path), _corpus(run))

    @property
    def latent(self) -> int:
        """D, 0 for a model without latent variables."""
        return int(self.run.system.model.latent)

    @property
    def rewrites(self) -> bool:
        """Whether a sentence can be written again from its latent vector."""
        model = self.run.system.model
        return self.latent > 0 and hasattr(model, "decoder") and not isinstance(model, ExactModel)

    @property
    def writes(self) -> bool:
        """Whether it writes sentences: word by word, or by itself."""
        model = self.run.system.model
        return isinstance(model, Generative) or hasattr(model, "decoder")

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return sum(parameter.numel() for parameter in self.run.system.parameters())

    @property
    def objective(self) -> str:
        """As one would write it: ``AutoGen(m=1)``; the usual single sample is not told."""
        described = self.run.config["objective"]
        told = {key: v for key, v in described["init_args"].items() if (key, v) != ("samples", 1)}
        return spoken(described | {"init_args": told})

    def held_out(self) -> list[Line]:
        """The looks at held-out sentences, in order."""
        return [line for line in self.metrics if line["kind"] == "valid"]

    def training(self) -> list[Line]:
        """The steps' own lines, in order."""
        return [line for line in self.metrics if line["kind"] == "train"]


def names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart.

    >>> names([Path("a/seed-0"), Path("b/seed-0")])
    ['a/seed-0', 'b/seed-0']
    """
    parts = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, parts), default=0) + 1):
        found = ["/".join(part[-length:]) for part in parts]
        if len(set(found)) == len(found):
            return found
    raise UserError("The same run is named twice: name each run once.")


def spoken(value: Any) -> str:
    """A described object as one would write it in Python, without module names.

    >>> spoken({"class_path": "undersong.objectives.autogen.AutoGen", "init_args": {"m": 1.0}})
    'AutoGen(m=1)'
    """
    if isinstance(value, dict) and "class_path" in value:
        arguments = ", ".join(f"{key}={spoken(v)}" for key, v in value.get("init_args", {}).items())
        return value["class_path"].rpartition(".")[2] + (f"({arguments})" if arguments else "")
    if isinstance(value, dict):
        return ", ".join(f"{key}={spoken(v)}" for key, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(spoken, value))
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def choices(config: Mapping[str, Any]) -> dict[str, str]:
    """A configuration flattened to the command line's flags and what each was.

    >>> choices({"epochs": 3, "model": {"class_path": "a.VAE", "init_args": {"latent": 8}}})
    {'epochs': '3', 'model': 'VAE', 'model.latent': '8'}
    """
    return dict(_flat(config, ""))


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and "class_path" in value:
        yield name, value["class_path"].rpartition(".")[2]
        value = value.get("init_args", {})
    if not isinstance(value, Mapping):
        yield name, spoken(value)
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{name}.{key}" if name else str(key))


def _figures(name: str, run: Run, split: SplitName) -> tuple[Figures, str | None]:
    found = judged(run, split)
    if found is not None:
        return found, None
    print(f"Judging {visible(name)} on the {split} split.", file=sys.stderr)
    try:
        return evaluate(run, split=split), None
    except UserError as error:
        print(f"{visible(name)} was not judged: {visible(str(error))}", file=sys.stderr)
        return {}, str(error)


def _corpus(run: Run) -> Corpus | None:
    try:
        return run.corpus()
    except UserError:
        return None
