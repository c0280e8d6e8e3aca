"""The figures of each sentence by itself, as a table in a file. Knows nothing of how they were computed."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from undersong.data.store import Split
from undersong.errors import UserError
from undersong.evaluation.judgement import Judgement, finite, objective
from undersong.files import write_atomically
from undersong.learning.system import System

ENDINGS = (".csv", ".jsonl")
Row = dict[str, Any]


def check_ending(path: Path) -> None:
    """Refuse a file of no known kind before any work is done for it."""
    if path.suffix not in ENDINGS:
        raise UserError(f"{path}: the rows of single sentences are written as .csv or .jsonl, by the file's ending.")


def write_rows(path: Path, judgement: Judgement, split: Split, system: System) -> None:
    """A row for each sentence, in the order of the split."""
    found = list(rows(judgement, split, system))
    if path.suffix == ".jsonl":
        text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in found)
    else:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, found[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
        text = buffer.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode("utf-8", "surrogatepass"))


def rows(judgement: Judgement, split: Split, system: System) -> Iterator[Row]:
    """A row for each sentence, in the order of the split; None where a figure is not defined, is infinite (the
    log p(x) of a sentence of probability 0), or was not sampled."""
    scores, sampled = judgement.scores, judgement.sampled
    columns: dict[str, Tensor | None] = {"elbo": scores.elbo, "reconstruction": scores.distortion, "kl": scores.rate}
    alone = scores.draw is not None and not system.objective.couples_batch
    columns["objective"] = objective(system, scores.draw) if alone and scores.draw is not None else None
    nats = {name: None if t is None else t.cpu().double().numpy() for name, t in columns.items()}
    places = {} if sampled is None else {int(row): place for place, row in enumerate(sampled.rows)}
    for place in np.argsort(scores.rows):
        row = int(scores.rows[place])
        found: Row = {"row": row, "text": split.tokenizer.decode(split.ids(row).tolist())}
        found["tokens"] = int(scores.tokens[place])
        found |= {name: None if values is None else finite(float(values[place])) for name, values in nats.items()}
        found |= dict.fromkeys(("nll_is", "nll_is_se", "nll_is_ess", "nll_is_marked", "autogen_reconstruction"))
        if scores.exact is not None:
            found["nll_is"] = finite(-float(scores.exact[place]))
        if sampled is not None and (at := places.get(row)) is not None:
            found["nll_is"], found["nll_is_se"] = finite(float(-sampled.log_p[at])), finite(float(sampled.error[at]))
            found["nll_is_ess"], found["nll_is_marked"] = finite(float(sampled.effective[at])), bool(sampled.marked[at])
            found["autogen_reconstruction"] = finite(float(sampled.reconstruction[at]))
        yield found
