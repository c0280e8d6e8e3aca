"""The papers' figures, from what was measured: curves over training, the rate-distortion plane, the posterior's shape.

Knows nothing of pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from undersong.errors import UserError
from undersong.evaluation.shape import pictured
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.learning import Run
from undersong.measures.significance import spread
from undersong.report.drawn import Drawn
from undersong.report.figures import Series, over_training
from undersong.report.html import Paragraph
from undersong.report.plane import Point, rate_distortion
from undersong.report.posteriors import pictures as of_posteriors
from undersong.report.sections import BARS
from undersong.report.shapes import Arrays
from undersong.reproduce.arrays import arrays, is_kept, keep
from undersong.reproduce.measured import Measured
from undersong.reproduce.plan import Plan, Row

ARRAYS = "posterior.npz"  # in a run's folder: what the pictures of its posterior need
FAMILY = "inference.family"
UNTOLD = "what is not told"  # of figures kept before events were
Event = frozenset[tuple[str, str]]  # what is scored, and the hash of the corpus


def pictures(plan: Plan, measured: Measured) -> Iterator[Drawn | Paragraph]:
    """All figures that what was measured allows, and a sentence in the place of one that cannot be drawn."""
    yield from _curves(plan, measured)
    for corpus in dict.fromkeys(row.corpus for row in plan.rows):
        rows = [row for row in plan.rows if row.corpus == corpus and measured.sheets.get(row.name)]
        suffix = "" if corpus == plan.main else f"-{corpus}"
        yield from _plane(corpus, rows, measured, f"rate-distortion{suffix}")
        if measured.runs is not None:
            yield from _shapes(plan, measured, measured.runs, corpus, pair(rows), suffix)


def _curves(plan: Plan, measured: Measured) -> Iterator[Drawn]:
    rows = [row for row in plan.rows if measured.sheets.get(row.name) and row.corpus == plan.main]
    several = [row for row in rows if len(row.seeds) > 1] or rows
    # A density of vectors has no perplexity, and no place beside probabilities of words.
    shown = [row for row in several if measured.values(row.name, "ppl_elbo")]
    yield from _over_training("kl_percent", "KL, % of the objective", shown, measured)
    events = dict.fromkeys(_event(row, measured) for row in shown)
    for number, event in enumerate(events, 1):
        alike = [row for row in shown if _event(row, measured) == event]
        told = f" Scored: {_names(event)}; rows that score anything else have axes of their own." * (len(events) > 1)
        suffix = f"-{number}" if number > 1 else ""
        yield from _over_training("elbo", "ELBO, nats a sentence", alike, measured, told, suffix)


def _over_training(
    key: str, label: str, rows: Sequence[Row], measured: Measured, told: str = "", suffix: str = ""
) -> Iterator[Drawn]:
    first = {row.label: measured.curves(row.name)[0] for row in rows}
    lines = [Series(name, [p["step"] for p in c], [p[key] for p in c]) for name, c in first.items()]
    if any(value is not None for line in lines for value in line.y):
        caption = f"{label}, on held-out sentences while training; the first seed of each row.{told}"
        yield Drawn(f"training-{key}{suffix}", caption, partial(over_training, lines, "step", label))


def _plane(corpus: str, rows: list[Row], measured: Measured, name: str) -> Iterator[Drawn]:
    events = {row.name: _event(row, measured) for row in rows}
    number = {event: i for i, event in enumerate(dict.fromkeys(events.values()))}
    points = [point for row in rows if (point := _point(row, measured, number[events[row.name]])) is not None]
    if len(points) < 2:
        return
    named = {event: [point.name for point in points if point.group == i] for event, i in number.items()}
    scored = {event: names for event, names in named.items() if names}
    caption = f"Rate and distortion on the test split of {corpus}, means over seeds"
    caption += "; on a grey line the ELBO is the same." if len(scored) == 1 else f". {_apart(scored)}"
    caption += BARS if any(point.information is not None for point in points) else ""
    drawn = {point.name for point in points}
    if without := [row.label for row in rows if row.label not in drawn]:
        caption += f" Without a rate, and so not drawn: {', '.join(without)}."
    yield Drawn(name, caption, partial(rate_distortion, points))


def _event(row: Row, measured: Measured) -> Event:
    """What a row's likelihoods are likelihoods of: the events named, and of which corpora."""
    return frozenset((sheet.get("event", UNTOLD), sheet["corpus"]["hash"]) for sheet in measured.sheets[row.name])


def _names(event: Event) -> str:
    return " or ".join(sorted({name for name, _ in event}))


def _apart(scored: Mapping[Event, Sequence[str]]) -> str:
    """Which rows are not to be compared, in a sentence."""
    unsure = any(name == UNTOLD for event in scored for name, _ in event)
    told = [f"{_names(event)} by {', '.join(f'“{row}”' for row in rows)}" for event, rows in scored.items()]
    return (
        f"These rows {'may ' * unsure}score different events, whose likelihoods say nothing of each other: their "
        f"places are not to be compared across them, and no line joins those of equal ELBO. Scored: {'; '.join(told)}."
    )


def _point(row: Row, measured: Measured, group: int) -> Point | None:
    """Means over seeds; None for a row without a rate."""
    keys = ("kl", "reconstruction", "mutual_information", "mutual_information_cap")
    rate, distortion, information, cap = (
        spread(values)[0] if (values := measured.values(row.name, key)) else None for key in keys
    )
    if rate is None or distortion is None:
        return None
    return Point(row.label, rate, distortion, group, information, cap)


def pair(rows: list[Row]) -> tuple[Row, ...]:
    """The first rows that differ in nothing but a diagonal and an isotropic posterior, if there are any."""
    families: dict[str, list[Row]] = {"DiagonalGaussian": [], "IsotropicGaussian": []}
    for row in rows:
        families.get(row.flags.get(FAMILY, ""), []).append(row)
    for first in families["DiagonalGaussian"]:
        for second in families["IsotropicGaussian"]:
            if first.flags | {FAMILY: None} == second.flags | {FAMILY: None} and first.after == second.after:
                return first, second
    return ()


def _shapes(
    plan: Plan, measured: Measured, runs: Path, corpus: str, rows: tuple[Row, ...], suffix: str
) -> Iterator[Drawn | Paragraph]:
    """Figures 1 and 4 of the IGP paper, for a corpus's first pair of a diagonal and an isotropic posterior."""
    models = {}
    for row in rows:
        first = measured.sheets[row.name][0]
        settings = {"sentences": plan.subject.get("sentences"), "step": first.get("step")}
        found = _arrays(runs / f"{row.name}.seed-{first['seed']}", settings)
        if found is not None:
            models[row.label] = found
    if models:
        yield from of_posteriors(models, f"the test split of {corpus}", suffix)


def _arrays(run: Path, settings: Mapping[str, Any]) -> Arrays | None:
    """Of a run's posterior, kept in its folder; None where the run cannot be read or has no vector."""
    path = run / ARRAYS
    if not is_kept(path, settings):
        try:
            loaded = Run.load(run)
            found = pictured(Subject(loaded.system, loaded.corpus(), sentences=settings["sentences"]))
        except (UserError, NotApplicable):
            return None
        keep(path, settings, found)
    return arrays(path)
