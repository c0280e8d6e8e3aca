"""``evaluate``: a trained run and a split to the figures that judge it.

Knows nothing of how a figure is computed, nor of how it is shown.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from undersong.data.store import Split
from undersong.errors import UserError
from undersong.evaluation.judgement import Figures, judge
from undersong.evaluation.measure import Measure
from undersong.evaluation.rows import check_ending, write_rows
from undersong.evaluation.structure import STRUCTURE
from undersong.evaluation.suite import examine_run
from undersong.files import reason, write_atomically
from undersong.learning.device import resolve_device
from undersong.learning.run import Run
from undersong.models import event
from undersong.nets.precision import resolve, using

FILE = "evaluation.json"


def evaluate(
    run: Run | Path | str,
    *,
    split: Literal["train", "valid", "test"] = "valid",
    samples: int = 500,
    subset: int = 500,
    all: bool = False,
    per_sentence: Path | None = None,
    refine: bool | None = None,
    seed: int = 0,
    precision: Literal["fp32", "bf16", "auto"] = "fp32",
    device: str = "auto",
    measures: Sequence[Measure] = (),
) -> Figures:
    """Judge a trained run, and write the figures into its folder.

    Bounds, active units and mutual information are those of the whole split; the importance-sampled likelihood is that
    of a fixed part of it. Word dropout and all other dropout are off. That likelihood is marked (``nll_is_marked``)
    where the mean effective sample size is under 50; the share of sentences under 50 (``nll_is_ess_under_50``) is
    printed too. A folder that cannot be written to is no reason to fail: that the figures are not kept is then said on
    standard error.

    Args:
        run: a run, or the folder of one.
        split: train, valid or test. Choices between models are made on the validation split; the test split is for the
            end.
        samples: of z for the importance-sampled likelihood of each sentence; at least 1.
        subset: how many sentences have their likelihood sampled: always the same ones, whatever the order of the split.
        all: sample the likelihood of all sentences of the split.
        per_sentence: also write a row for each sentence to this .csv or .jsonl file.
        refine: fit each sentence's posterior to the ELBO, with the model fixed, before it proposes importance samples;
            by default for models that were trained by neither the ELBO nor IWAE, whose posterior is a bad proposal.
        seed: of all noise, which is keyed by sentence and sample and does not depend on batches.
        precision: of matrix products: fp32, bf16, or auto for what is faster on this machine.
        device: auto, cpu, cuda or mps.
        measures: further questions, such as those of ``suite.SUITE``, always asked in fp32.

    Returns:
        The figures by name, in nats a sentence; None where the model does not define one. See ``judgement``. Of a model
        with tags, clusters, heads or brackets, and a corpus that has them too, those of ``structure``. Under
        ``suite``, if measures were given: their ``figures``, the ``seconds`` each took, and which were ``left_out`` and
        why.

    Raises:
        UserError: there is no such run or split, its corpus is gone, or an argument cannot be used.
    """
    if per_sentence is not None:
        check_ending(per_sentence)
    where = resolve_device(device)
    loaded = run if isinstance(run, Run) else Run.load(run, where)
    loaded.system.to(where)
    chosen = resolve(precision, where)
    sentences = _sentences(loaded, split)
    with using(loaded.system, chosen):
        judgement = judge(loaded.system, sentences, samples, None if all else subset, seed, refine)
    facts: Figures = {
        "split": split,
        "event": scored(loaded),
        "corpus": loaded.info["corpus"],
        "step": loaded.step,
        "precision": chosen.name,
    }
    figures = {**judgement.figures, **facts, **_structure(loaded, split, seed)}
    before = judged(loaded, split) or {} if measures else {}
    kept = _keep(loaded.path, {**before, **figures})
    if measures:  # after the bounds are stored, so that a measure that fails loses neither them nor an earlier suite
        figures["suite"] = asdict(examine_run(loaded, measures, split=split, seed=seed))
        if kept:
            store(loaded.path, figures)
    if per_sentence is not None:  # last, so that a path that cannot be written loses nothing else
        write_rows(per_sentence, judgement, sentences, loaded.system)
    return figures


def scored(run: Run) -> str:
    """What a likelihood is the likelihood of; perplexities of different events do not compare."""
    what = event(run.system.model)
    what = what.replace("words", "word pieces") if run.tokenizer.is_bpe else what
    return f"{what}, vocabulary {run.tokenizer.mark}"


def stored(folder: Path) -> dict[str, Figures]:
    """The figures in a run's folder, by split; empty where there are none, or the file is damaged."""
    try:
        found = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(v, dict) for v in found.values()) else {}


def judged(run: Run, split: str) -> Figures | None:
    """The figures in a run's folder, where they are of these weights and this corpus."""
    found = stored(run.path).get(split, {})
    fits = found.get("step") == run.step and found.get("corpus") == run.info["corpus"]
    return found if fits else None


def store(folder: Path, figures: Mapping[str, Any]) -> None:
    """Put the figures of one split beside those of the others, whole or not at all."""
    found = {**stored(folder), str(figures["split"]): dict(figures)}
    write_atomically(folder / FILE, json.dumps(found, indent=1, allow_nan=False).encode())


def _keep(folder: Path, figures: Figures) -> bool:
    """Store the figures where that can be done; in a folder that others own they are given, and not kept."""
    try:
        store(folder, figures)
    except OSError as error:
        print(f"The figures are not kept: {folder / FILE} cannot be written ({reason(error)}).", file=sys.stderr)
        return False
    return True


def _structure(run: Run, split: str, seed: int) -> Mapping[str, float | None]:
    """Tags, clusters, heads and brackets beside the corpus's own, where model and corpus both have them."""
    return examine_run(run, STRUCTURE, split=split, sentences=None, seed=seed).figures


def _sentences(run: Run, name: str) -> Split:
    corpus = run.corpus()
    if name not in ("train", "valid", "test"):
        raise UserError(f"There is no split {name!r}: use train, valid or test.")
    found: Split = getattr(corpus, name)
    if not len(found):
        raise UserError(f"The {name} split of {corpus.folder} is empty: choose another one.")
    return found
