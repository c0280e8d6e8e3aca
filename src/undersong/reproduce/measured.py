"""What a reproduction has measured so far: the figures of each row, a value a seed, and which differences are real.

Knows nothing of claims.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from undersong.errors import UserError
from undersong.evaluation.pairs import compare_reconstructions
from undersong.measures.significance import Comparison, compare_seeds, proportions, spread
from undersong.reproduce.arrays import arrays
from undersong.reproduce.plan import Row

SENTENCES = "sentences.npz"  # in a run's folder: the reconstruction of each judged sentence, in numbers
PAIRED = (
    *("bleu_2", "bleu_4", "rouge_2", "rouge_4", "exact_match", "edit_distance", "edit_distance_normalised"),
    *("rate", "distortion", "information", "elbo"),
)
SHARES = (
    "accuracy",
    "accuracy_6",
    "accuracy_64",
    "accuracy_640",
    "accuracy_damaged",
)  # of the probes' judged sentences


class OtherCorpus(UserError):
    """Two rows were trained and judged on different corpora: their figures are of different sentences."""


@dataclass(frozen=True)
class Measured:
    """The sheets of all rows that have any.

    Attributes:
        sheets: by row, one for each seed, in the order of the seeds.
        runs: the folder of the runs; None where only the sheets are there, which leaves out tests over sentences.
        planned: the names of the rows that are meant to be measured; None for any.
        left_out: the runs that have a sheet but were not trained as they are meant to be: of another scale, paper or
            recipe.
    """

    sheets: Mapping[str, Sequence[dict[str, Any]]]
    runs: Path | None = None
    planned: frozenset[str] | None = None
    left_out: tuple[str, ...] = ()

    @staticmethod
    def read(out: Path, rows: Iterable[Row]) -> "Measured":
        """What the folder of a reproduction holds of these rows, trained with the very arguments that they have now."""
        flags = {row.name: json.loads(json.dumps(row.flags)) for row in rows}
        found: dict[str, list[dict[str, Any]]] = {}
        left_out = []
        for path in sorted((out / "rows").glob("*.json")):
            sheet = json.loads(path.read_text(encoding="utf-8"))
            if sheet["train"] == flags.get(sheet["row"]):
                found.setdefault(sheet["row"], []).append(sheet)
            else:
                left_out.append(path.stem)
        ordered = {row: sorted(sheets, key=lambda sheet: sheet["seed"]) for row, sheets in found.items()}
        return Measured(ordered, out / "runs", frozenset(flags), tuple(left_out))

    def said_left_out(self) -> list[str]:
        """A sentence on what was left out, if anything was."""
        if not self.left_out:
            return []
        return [
            f"Not trained as this recipe has it at this scale, and so left out: {', '.join(self.left_out)}. Give every "
            "scale, paper and version of a recipe a folder of its own."
        ]

    def plans(self, row: str) -> bool:
        """Whether a row is meant to be measured at this scale."""
        return self.planned is None or row in self.planned

    def values(self, row: str, key: str) -> list[float]:
        """A figure of a row, one value for each seed that has it."""
        return [value for (value,) in self.together(row, key)]

    def together(self, row: str, *keys: str) -> list[tuple[float, ...]]:
        """Several figures of a row, from each seed that has them all."""
        found = [[sheet["figures"].get(key) for key in keys] for sheet in self.sheets.get(row, ())]
        return [tuple(map(float, values)) for values in found if None not in values]

    def said(self, row: str, key: str, digits: int = 2) -> str:
        """Mean, standard deviation and number of seeds: ``1.20 ± 0.10 (3)``."""
        values = self.values(row, key)
        if not values:
            return "–"
        mean, deviation = spread(values)
        around = "" if deviation is None else f" ± {deviation:.{digits}f}"
        return f"{mean:.{digits}f}{around} ({len(values)})"

    def corpora(self, row: str) -> set[str]:
        """The hashes of what a row's runs were trained and judged on: one, but where every run has its own tags."""
        return {sheet["corpus"]["hash"] for sheet in self.sheets.get(row, ())}

    def need_one_corpus(self, first: str, second: str) -> None:
        """Raises ``OtherCorpus`` if two rows are not of one and the same corpus."""
        if self.corpora(first) != self.corpora(second):
            raise OtherCorpus(f"{first} and {second} are of two corpora and were not compared")

    def sizes(self, row: str) -> list[int]:
        """How many dimensions z has, for each seed that has its active units."""
        sheets = (sheet for sheet in self.sheets.get(row, ()) if sheet["figures"].get("active_units") is not None)
        return [int(sheet["train"]["model.latent"]) for sheet in sheets]

    def curves(self, row: str) -> list[list[dict[str, Any]]]:
        """What held-out sentences said while each run trained."""
        return [sheet["curve"] for sheet in self.sheets.get(row, ())]

    def compare(self, first: str, second: str, key: str) -> Comparison | None:
        """Is the first row's figure another than the second's? None where no test can tell.

        Over the seeds where either row has two or more: a test over sentences would take what a seed does by chance
        for what the method does. Else, with one seed each, over its sentences.

        Raises:
            OtherCorpus: the two rows are not of one and the same corpus.
        """
        self.need_one_corpus(first, second)
        a, b = self.values(first, key), self.values(second, key)
        if not a or not b or max(len(a), len(b)) > 1:
            return compare_seeds(a, b)
        if key in SHARES:
            return proportions(a[0], b[0], *(self._judged(row) for row in (first, second)))
        if key in PAIRED:
            return self._paired.get((first, second, key)) or self._over_sentences(first, second, key)
        return None

    def _judged(self, row: str) -> int:
        """How many sentences the probes were judged on: 20%, where they were trained on 64%."""
        return round(self.values(row, "examples")[0] * 20 / 64)

    @cached_property
    def _paired(self) -> dict[tuple[str, str, str], Comparison]:
        return {}

    def _over_sentences(self, first: str, second: str, key: str) -> Comparison | None:
        seeds = [{sheet["seed"] for sheet in self.sheets.get(row, ())} for row in (first, second)]
        if self.runs is None or not seeds[0] & seeds[1]:
            return None
        seed = min(seeds[0] & seeds[1])
        paths = [self.runs / f"{row}.seed-{seed}" / SENTENCES for row in (first, second)]
        if not all(path.exists() for path in paths):
            return None
        one, other = map(_scores, paths)
        try:
            found = compare_reconstructions(one, other)
        except UserError:  # judged on different sentences of the same corpus
            return None
        self._paired.update({(first, second, name): value for name, value in found.items()})
        return found.get(key)


def _scores(path: Path) -> dict[str, NDArray[Any]]:
    """A run's ``sentence_scores``, with each sentence's ELBO, -(rate + distortion), where only those are stored."""
    scores = arrays(path)
    if "rate" in scores and "distortion" in scores:
        scores.setdefault("elbo", -(scores["rate"] + scores["distortion"]))
    return scores
