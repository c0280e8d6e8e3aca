"""The papers' figures, from what was measured: curves over training, the rate-distortion plane, the posterior's shape.

Knows nothing of pages.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from undersong.errors import UserError
from undersong.evaluation.shape import histograms, tsne
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.learning import Run
from undersong.report.figures import DARK, LIGHT, Point, Series, Theme, over_training, png, rate_distortion, svg
from undersong.report.html import Picture
from undersong.reproduce.measured import Measured
from undersong.reproduce.plan import Plan

ARRAYS = "shape.npz"  # in a run's folder: what the pictures of its posterior need


@dataclass(frozen=True)
class Drawn:
    """A figure, drawn on demand for a light or a dark page."""

    name: str
    caption: str
    draw: Callable[[Theme], Figure]

    def picture(self) -> Picture:
        """For a page."""
        return Picture(svg(self.draw(LIGHT)), svg(self.draw(DARK)), self.caption, self.caption)

    def write(self, folder: Path) -> None:
        """As a PNG file."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.png").write_bytes(png(self.draw(LIGHT), dpi=110))


def pictures(plan: Plan, measured: Measured) -> Iterator[Drawn]:
    """All figures that what was measured allows."""
    rows = [row for row in plan.rows if measured.sheets.get(row.name) and row.corpus == plan.main]
    several = [row for row in rows if len(row.seeds) > 1] or rows
    # A density of vectors has no perplexity, and no place beside probabilities of words.
    first = {row.label: measured.curves(row.name)[0] for row in several if measured.values(row.name, "ppl_elbo")}
    for key, label in (("kl_percent", "KL, % of the objective"), ("elbo", "ELBO, nats a sentence")):
        lines = [Series(name, [p["step"] for p in c], [p[key] for p in c]) for name, c in first.items()]
        if any(value is not None for line in lines for value in line.y):
            caption = f"{label}, on held-out sentences while training; the first seed of each row."
            yield Drawn(f"training-{key}", caption, partial(over_training, lines, "step", label))
    for corpus in dict.fromkeys(row.corpus for row in plan.rows):
        points = [
            Point(row.label, float(np.mean(rate)), float(np.mean(distortion)))
            for row in plan.rows
            if row.corpus == corpus
            and (rate := measured.values(row.name, "kl"))
            and (distortion := measured.values(row.name, "reconstruction"))
        ]
        if len(points) > 1:
            name = "rate-distortion" if corpus == plan.main else f"rate-distortion-{corpus}"
            where = f"Rate and distortion on the test split of {corpus}, means over seeds"
            caption = f"{where}; on a grey line the ELBO is the same."
            yield Drawn(name, caption, partial(rate_distortion, points))
    if measured.runs is not None and plan.paper == "igp":
        yield from _shapes(plan, measured, measured.runs)


def _shapes(plan: Plan, measured: Measured, runs: Path) -> Iterator[Drawn]:
    """Figures 1 and 4 of the IGP paper, for the first pair of a diagonal and an isotropic posterior."""
    pair = next(
        (
            (f"dgp-{rate}", f"igp-{rate}")
            for rate in (15, 10, 5)
            if measured.sheets.get(f"dgp-{rate}") and measured.sheets.get(f"igp-{rate}")
        ),
        None,
    )
    if pair is None:
        return
    labels = {row.name: row.label for row in plan.rows}
    arrays = {labels[row]: _arrays(runs / f"{row}.seed-{measured.sheets[row][0]['seed']}", plan) for row in pair}
    known = {name: found for name, found in arrays.items() if found is not None}
    if len(known) < 2:
        return
    yield Drawn(
        "posterior-histograms",
        "Means and variances of every dimension of every judged sentence's posterior (IGP, Figure 1).",
        lambda theme: _grid(known, theme, ("mean", "variance"), _histogram),
    )
    if all("xy" in found for found in known.values()):
        yield Drawn(
            "posterior-tsne",
            "t-SNE of posterior means, coloured by class (IGP, Figure 4); perplexity 30.",
            lambda theme: _grid(known, theme, ("xy",), _scatter),
        )


def _arrays(run: Path, plan: Plan) -> dict[str, NDArray] | None:
    path = run / ARRAYS
    if not path.exists():
        try:
            loaded = Run.load(run)
            subject = Subject(loaded.system, loaded.corpus(), sentences=plan.subject.get("sentences"))
            found = histograms(subject) | tsne(subject, points=800)
        except (UserError, NotApplicable):
            return None
        with open(path, "wb") as file:
            np.savez(file, **found)  # type: ignore[arg-type]  # arrays by name
    return dict(np.load(path))


Panel = Callable[[object, dict[str, NDArray], str, Theme], None]


def _grid(arrays: dict[str, dict[str, NDArray]], theme: Theme, keys: Sequence[str], panel: Panel) -> Figure:
    """One panel for each model and key."""
    figure = Figure(figsize=(6.4, 3.2 * len(keys)), layout="constrained", facecolor=theme.paper)
    grid = figure.subplots(len(keys), len(arrays), squeeze=False)
    for column, (name, found) in enumerate(arrays.items()):
        for row, key in enumerate(keys):
            axes = grid[row][column]
            axes.set_facecolor(theme.paper)
            axes.set_title(f"{name}: {key}" if key != "xy" else name, color=theme.ink, fontsize=10)
            axes.tick_params(colors=theme.ink, labelsize=8, length=0)
            for spine in axes.spines.values():
                spine.set_visible(False)
            panel(axes, found, key, theme)
    return figure


def _histogram(axes, found: dict[str, NDArray], key: str, theme: Theme) -> None:
    values = found[key].ravel()
    axes.hist(values, bins=60, color=theme.lines[0])
    axes.set_yticks([])


def _scatter(axes, found: dict[str, NDArray], key: str, theme: Theme) -> None:
    labels = found["label"]
    common = np.argsort(-np.bincount(labels[labels >= 0], minlength=1))[: len(theme.lines)]
    for number, label in enumerate(common):  # as many classes as there are colours, the commonest
        chosen = labels == label
        axes.scatter(*found[key][chosen].T, s=5, color=theme.lines[number], linewidths=0)
    axes.set_xticks([])
    axes.set_yticks([])
