"""The parts of a comparison that are tables and figures of what was measured and chosen.

Knows nothing of HTML, and trains, judges and writes nothing.
"""

from collections.abc import Sequence
from functools import partial
from math import isfinite
from typing import Any

from undersong.measures.rates import at_cap
from undersong.models import event
from undersong.report.drawn import Drawn
from undersong.report.evidence import Evidence, choices
from undersong.report.figures import Series, over_training
from undersong.report.html import Block, Notice, Paragraph, Picture, Section
from undersong.report.meanings import BY_KEY, MEANINGS, SAMPLED, Meaning
from undersong.report.plane import Point, rate_distortion
from undersong.report.ranking import Scored, counted, groups, precisions, sampled_alike, why_apart
from undersong.report.tables import BEST, Cell, Table, with_best

BARS = (
    " A bar begins at the mutual information of sentence and z, and ends at the rate; an estimate at its estimator's "
    "cap is a hollow ring, since the truth may be anything from there to the rate."
)
CAPPED = "‡ at the cap of its estimator: the mutual information may be anything from there to the KL."
_SILENT = ("nll_is_se", "seed", "step")  # shown beside another figure, or of no interest here
_NOT_CHOICES = ("out", "corpus", "resume", "quiet")


def judged(runs: Sequence[Evidence]) -> Section:
    """The table of all figures; a table for each group of runs that score the same event."""
    blocks: list[Block] = [Notice(f"{r.name} was not judged: {r.unjudged}", True) for r in runs if r.unjudged]
    grouped = groups([run for run in runs if run.figures])
    apart = why_apart([scored for scored, _ in grouped])
    if apart:
        blocks.append(Notice(apart, warning=True))
    for scored, group in grouped:
        blocks += _figures_tables(scored, group)
    return Section("What was measured", tuple(blocks))


def plane(runs: Sequence[Evidence]) -> Section:
    """Rate against distortion."""
    number = {scored: i for i, (scored, _) in enumerate(groups([run for run in runs if run.figures]))}
    points = [
        Point(
            run.name,
            float(run.figures["kl"]),
            float(run.figures["reconstruction"]),
            number[Scored.by(run)],
            run.figures.get("mutual_information"),
            run.figures.get("mutual_information_cap"),
        )
        for run in runs
        if run.figures.get("kl") is not None and run.figures.get("reconstruction") is not None
    ]
    if not points:
        return Section("Rate and distortion", ())
    caption = (
        "How many nats the latent variable takes (rate) against how many the words still take once it is known "
        "(distortion). "
    )
    if len(number) > 1:
        caption += "These runs score different events: their places are not to be compared across them."
    else:
        caption += (
            "On a grey line the ELBO is the same; nearer the lower left corner it is higher, and along the line to the "
            "right more of the sentence is held by z."
        )
    caption += BARS if any(point.information is not None for point in points) else ""
    shown = {point.name for point in points}
    if without := [run.name for run in runs if run.name not in shown]:
        caption += f" Without a rate, and so not drawn: {', '.join(without)}."
    alt = "; ".join(f"{p.name}: rate {p.rate:.1f}, distortion {p.distortion:.1f}" for p in points)
    alt = f"Rate-distortion plane, in nats a sentence. {alt}"
    plane = Drawn("rate-distortion", caption, partial(rate_distortion, points), alt)
    return Section("Rate and distortion", (plane.picture(),))


def training(runs: Sequence[Evidence]) -> Section:
    """KL as a share of the objective and the ELBO, on held-out sentences while each run trained."""
    # Epochs are comparable on one corpus only; elsewhere, steps.
    one_corpus = len({run.run.info.get("corpus") for run in runs}) == 1
    key, label = ("epoch", "epochs") if one_corpus else ("step", "steps")
    apart = "" if one_corpus else " Runs on different corpora share these axes, but are not ranked."
    share = (
        "KL as a share of each run's own objective, on held-out sentences (AutoGen, figure 2, left). The objectives "
        "differ, so their values cannot be compared; this share can."
    )
    bound = (
        "The ELBO on held-out sentences (AutoGen, figure 2, right). Only runs trained by the ELBO aim at it: that of "
        "an AutoGen run may fall while its own objective rises."
    )
    blocks: list[Block] = [_over_training(runs, key, label, "kl_percent", "KL, % of the objective", share)]
    events: dict[str, list[Evidence]] = {}  # a likelihood of one says nothing of another's
    for run in runs:
        events.setdefault(event(run.run.system.model), []).append(run)
    for scored, alike in events.items():
        told = f" Scored: {scored}." * (len(events) > 1)
        blocks.append(_over_training(alike, key, label, "elbo", "ELBO, nats a sentence", bound + apart + told))
    if not any(run.held_out() for run in runs):
        blocks = [Paragraph("No run looked at held-out sentences while it trained.")]
    return Section("Over training", tuple(blocks))


def trained(runs: Sequence[Evidence]) -> Section:
    """What was trained, for how long, and what the runs' configurations differ in."""
    facts = [_facts(run) for run in runs]
    rows = tuple((Cell(label, detail=_DETAILS.get(label, "")), *(fact[label] for fact in facts)) for label in facts[0])
    what = Table("Models, and for how long they learned", ("", *(run.name for run in runs)), rows)
    chosen = [_chosen(run) for run in runs]
    keys = list(dict.fromkeys(key for one in chosen for key in one))
    differing = [key for key in keys if len({one.get(key) for one in chosen}) > 1]
    different = Table(
        "What differs in the configurations",
        ("flag", *(run.name for run in runs)),
        tuple((Cell(key if " " in key else f"--{key}"), *(Cell(one.get(key)) for one in chosen)) for key in differing),
        (f"{len(keys) - len(differing)} other choices are the same in all runs. A dash: the run has no such choice.",),
    )
    alone = [Paragraph("The runs' configurations are the same.")] if len(runs) > 1 else []
    return Section("What was trained", (what, different) if differing else (what, *alone))


def doctor(runs: Sequence[Evidence]) -> Section:
    """The doctor's findings."""
    rows = tuple(
        (Cell(run.name), Cell(finding.message), Cell(finding.evidence), Cell(" or ".join(finding.advice) or None))
        for run in runs
        for finding in run.findings
    )
    table = Table("Is the latent variable used?", ("run", "finding", "evidence", "what to try"), rows, prose=True)
    return Section("What the doctor says", (table,) if rows else ())


def _figures_tables(scored: Scored, group: Sequence[Evidence]) -> tuple[Table, Table]:
    alike, rounded = sampled_alike(group), precisions(group)
    rows: list[tuple[Cell, ...]] = []
    circumstances: list[tuple[Cell, ...]] = []
    signs = ""
    for meaning in _meanings(group):
        cells = [_cell(run, meaning) for run in group]
        signs += "".join(cell.mark for cell in cells)
        sound = alike and not any(cell.mark for cell in cells) if meaning.key in SAMPLED else True
        ranked = sound and len(rounded) < 2
        row = (Cell(meaning.label, detail=meaning.detail), *with_best(cells, meaning.better if ranked else 0))
        (rows if meaning.main else circumstances).append(row)
    sentences = f"{scored.sentences}, {counted(group[0].figures, 'tokens')} tokens"
    notes = [f"Scored: {scored.event}; {sentences}; vocabulary of {scored.vocabulary}; corpus {scored.data}."]
    if any(cell.best for row in rows for cell in row):
        notes.append(f"{BEST} the best value of those in its row; it is not a test of significance.")
    if any(cell.error is not None for row in rows for cell in row):
        notes.append("±: standard error of the sampling of z.")
    if not alike:
        notes.append("The sampled figures are not of the same sentences and number of samples, so they are not ranked.")
    if len(rounded) > 1:
        told = "; ".join(f"{precision}: {', '.join(names)}" for precision, names in rounded.items())
        notes.append(f"Judged at different precisions, and so not ranked ({told}): evaluate all of them at one.")
    if "†" in signs:
        notes.append("† effective sample size under 50: too small to be trusted, so the row is not ranked.")
    if "‡" in signs:
        notes.append(CAPPED)
    if refined := [run.name for run in group if run.figures.get("nll_is_refined")]:
        notes.append(f"Posteriors refined to the ELBO before sampling, the model fixed: {', '.join(refined)}.")
    notes.append("A dash: the model does not define it.")
    columns = ("", *(run.name for run in group))
    return Table("Figures", columns, tuple(rows), tuple(notes)), Table(
        "How sure they are", columns, tuple(circumstances)
    )


def _meanings(group: Sequence[Evidence]) -> list[Meaning]:
    """Those in their order that some run defines, then whatever else was measured, under its own name."""
    known = {key for run in group for key, value in run.figures.items() if _is_figure(value)} - set(_SILENT)
    others = sorted(known - set(BY_KEY))
    return [m for m in MEANINGS if m.key in known] + [Meaning(key, key.replace("_", " ")) for key in others]


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _cell(run: Evidence, meaning: Meaning) -> Cell:
    value = run.figures.get(meaning.key)
    known = value if _is_figure(value) else None
    mark = " †" if meaning.key in SAMPLED and run.figures.get("nll_is_marked") else ""
    if meaning.key == "mutual_information" and known is not None:
        cap = run.figures.get("mutual_information_cap")
        mark = " ‡" if cap is not None and at_cap(known, cap) else ""
    return Cell(known, meaning.digits, run.figures.get(f"{meaning.key}_se") or None, mark=mark)


def _over_training(
    runs: Sequence[Evidence], key: str, x_label: str, figure: str, y_label: str, caption: str
) -> Picture:
    series = [
        Series(run.name, [line[key] for line in run.held_out()], [line[figure] for line in run.held_out()])
        for run in runs
    ]
    ends = "; ".join(f"{s.name}: {s.y[-1]:.1f}" for s in series if s.y and s.y[-1] is not None)
    alt = f"{y_label}, over {x_label}. At the end: {ends or 'nothing known'}"
    draw = partial(over_training, series, x_label, y_label)
    return Drawn(f"training-{figure}", caption, draw, alt).picture()


def _facts(run: Evidence) -> dict[str, Cell]:
    training, held = run.training(), run.held_out()
    last = max([*training, *held], key=lambda line: line["step"], default={})
    rates = sorted(line["tokens_per_second"] for line in training)
    seconds = last.get("seconds")
    best = next((line for line in reversed(held) if line["step"] == run.run.step), {})
    return {
        "model": Cell(run.run.config["model"]["class_path"].rpartition(".")[2]),
        "objective": Cell(run.objective),
        "size of z": Cell(run.latent or None, 0),
        "parameters": Cell(run.parameters),
        "steps": Cell(last.get("step")),
        "epochs": Cell(last.get("epoch"), 2),
        "sentences seen": Cell(sum(line["sentences"] for line in training) or None),
        "minutes of training": Cell(None if seconds is None else seconds / 60, 1),
        "tokens a second": Cell(rates[len(rates) // 2] if rates else None, 0),
        "device, precision, threads": Cell(" · ".join(str(run.run.config.get(k)) for k in _MACHINE)),
        "step judged": Cell(run.run.step),
        "its held-out objective": Cell(best.get("objective")),
    }


_MACHINE = ("device", "precision", "threads")
_DETAILS = {
    "size of z": "dimensions of a vector; of what is discrete, its states or clusters",
    "tokens a second": "the median over training",
    "step judged": "where the held-out objective was best",
    "its held-out objective": "nats a sentence; each run's own, so not comparable",
}


def _chosen(run: Evidence) -> dict[str, str]:
    flat = {key: value for key, value in choices(run.run.config).items() if key not in _NOT_CHOICES}
    return flat | {"corpus (its hash)": str(run.run.info.get("corpus"))[:12]}
