"""Which differences between runs are real: a paired test over the same sentences, named beside every mark.

The first run stands against each of the others. A test over sentences says whether a difference would hold on other
sentences of the kind, not whether it would from another seed. Knows nothing of how a test works.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from undersong.evaluation.pairs import compare_reconstructions, sentence_scores
from undersong.evaluation.rates import MOST
from undersong.evaluation.subject import Subject
from undersong.measures.overlap import bleu_of
from undersong.measures.significance import Comparison
from undersong.report.evidence import Evidence
from undersong.report.html import Block, Section
from undersong.report.meanings import BY_KEY, Meaning
from undersong.report.ranking import groups
from undersong.report.tables import Cell, Table

Scores = Mapping[str, NDArray[Any]]
MEANINGS = (
    BY_KEY["elbo"],
    Meaning("distortion", BY_KEY["reconstruction"].label, BY_KEY["reconstruction"].detail),
    Meaning("rate", BY_KEY["kl"].label, BY_KEY["kl"].detail),
    Meaning("information", "mutual information", "nats; I(x, z) under q over these sentences"),
    Meaning("bleu_2", "BLEU-2", "from 0 to 100; written again from z, against the original"),
    Meaning("bleu_4", "BLEU-4", "the same with four words"),
    Meaning("rouge_2", "ROUGE-2", "from 0 to 100"),
    Meaning("rouge_4", "ROUGE-4", "the same with four words"),
    Meaning("exact_match", "exact matches", "share of sentences written again as they were", 3),
    Meaning("edit_distance", "edit distance", "words to change, insert or delete"),
)


def paired(runs: Sequence[Evidence], split: str, sentences: int) -> Section:
    """A table for each group of runs that score the same event: figures, and which differ from the first run's.

    Args:
        runs: what is compared.
        split: whose sentences.
        sentences: at most so many of them, the same for all runs of a group; 0 for no table.
    """
    blocks: list[Block] = []
    for _, group in groups([run for run in runs if run.figures and run.corpus is not None]) if sentences else []:
        table = _table(group, [_scores(run, split, sentences) for run in group]) if len(group) > 1 else None
        if table is not None and table.rows:
            blocks.append(table)
    return Section("Which differences are real", tuple(blocks))


def _scores(run: Evidence, split: str, sentences: int) -> Scores:
    assert run.corpus is not None
    return sentence_scores(Subject(run.run.system, run.corpus, split=split, sentences=sentences))


def _table(group: Sequence[Evidence], scores: Sequence[Scores]) -> Table:
    against: list[Mapping[str, Comparison]] = [compare_reconstructions(one, scores[0]) for one in scores[1:]]
    rows = []
    for meaning in MEANINGS:
        values = [_value(one, meaning.key) for one in scores]
        if any(meaning.key in tested for tested in against):
            cells = [Cell(values[0], meaning.digits)]
            for value, tested in zip(values[1:], against, strict=True):
                cells.append(_cell(value, tested.get(meaning.key), meaning.digits))
            rows.append((Cell(meaning.label, detail=meaning.detail), *cells))
    tests = sorted({one.test for tested in against for one in tested.values()})
    first = group[0].name
    notes = [
        f"* the difference from {first} is real: p < 0.05, two-sided, {', '.join(tests)}. Unmarked differences may be "
        "chance. Below each figure: its difference, and the test's 95% interval. Each comparison is tested by itself.",
        "The test is over sentences: it says nothing of what another seed of the same method would give.",
        "Sentences are written again greedily from the mean of q(z|x); bounds are of one set of samples of z.",
    ]
    if len(scores[0]["row"]) > MOST and any("rate" in one for one in scores):
        notes.append(f"The mutual information, which costs the square of the sentences, is tested of {MOST:,} at most.")
    title = f"The same {len(scores[0]['row']):,} sentences: which figures differ from those of {first}"
    return Table(title, ("", *(run.name for run in group)), tuple(rows), tuple(notes))


def _value(scores: Scores, key: str) -> float | None:
    if key.startswith("bleu"):
        return float(bleu_of(scores["bleu"].sum(0), order=int(key[-1]))) if "bleu" in scores else None
    return float(scores[key].mean()) if key in scores else None


def _cell(value: float | None, tested: Comparison | None, digits: int) -> Cell:
    if tested is None or tested.low is None or tested.high is None:
        return Cell(value, digits)
    p = "p < 0.001" if tested.p < 0.001 else f"p = {tested.p:.3f}"
    low, high = (f"{end:+.{digits}f}" for end in (tested.low, tested.high))
    detail = f"{tested.difference:+.{digits}f} ({low} to {high}), {p}"
    return Cell(value, digits, mark=" *" if tested.real() else "", detail=detail)
