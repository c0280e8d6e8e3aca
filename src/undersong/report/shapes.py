"""Pictures of posteriors: what each dimension does, and where the classes lie (IGP, Figures 1 and 4).

Knows nothing of runs: a model is the arrays that ``evaluation.shape.histograms`` and ``tsne`` made of it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from undersong.measures.latent import is_active
from undersong.report.figures import LIGHT, Theme
from undersong.text import visible

Arrays = Mapping[str, NDArray[Any]]
BINS = 50
SMALLEST = 1e-4  # variances below are drawn there
CLASSES = 18  # as many as there are colours times markers that are told apart
_MARKERS = "o^s"


def histograms(models: Mapping[str, Arrays], theme: Theme = LIGHT) -> Figure:
    """Of each dimension its own histogram over sentences: its means above, its variances below, active dimensions in
    one colour and inactive ones in another; all models on the same axes.

    Args:
        models: by name, ``mean`` and ``variance`` [N, D].
        theme: colours.
    """
    figure = Figure(figsize=(max(6.4, 2.6 * len(models)), 5.4), layout="constrained", facecolor=theme.paper)
    grid = figure.subplots(2, len(models), squeeze=False)
    reach = max((float(np.abs(found["mean"]).max()) for found in models.values()), default=1.0) or 1.0
    values = np.concatenate([found["variance"].ravel() for found in models.values()]).clip(SMALLEST)
    means = np.linspace(-reach, reach, BINS + 1)
    variances = np.geomspace(values.min() / 1.1, values.max() * 1.1, BINS + 1)
    colours = {True: theme.lines[0], False: theme.lines[1]}
    for column, (name, found) in enumerate(models.items()):
        active = is_active(torch.from_numpy(found["mean"])).numpy()
        above, below = grid[0][column], grid[1][column]
        _title(above, name, theme, f"{int(active.sum())} of {len(active)} active in these")
        above.set_xlabel("mean of q(z|x)", color=theme.ink, fontsize=9)
        below.set_xlabel("variance of q(z|x)", color=theme.ink, fontsize=9)
        below.set_xscale("log")
        below.set_xlim(variances[0], variances[-1])
        below.minorticks_off()  # of a narrow range matplotlib writes every tenth, one over the other
        ticks = np.geomspace(values.min(), values.max(), 3) if values.max() > 1.05 * values.min() else values[:1]
        below.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
        for d in np.argsort(active):
            _outline(above, found["mean"][:, d], means, colours[bool(active[d])])
            if found["variance"].any():
                _outline(below, found["variance"][:, d].clip(SMALLEST), variances, colours[bool(active[d])])
        if not found["variance"].any():
            below.text(0.5, 0.5, "a point mass: no variance", ha="center", color=theme.ink, transform=below.transAxes)
        for axes in (above, below):
            _bare(axes, theme)
            axes.set_yticks([])
    handles = [Line2D([], [], color=colours[kind], linewidth=2.5) for kind in (True, False)]
    figure.legend(
        handles, ["an active dimension", "an inactive one"], loc="outside lower center", ncols=2, frameon=False,
        labelcolor=theme.ink, fontsize=9.5,
    )  # fmt: skip
    return figure


def scatter(models: Mapping[str, Arrays], theme: Theme = LIGHT) -> Figure:
    """The points of each model, in the colour and marker of their class; one colour for all where no class is known.

    Args:
        models: by name, ``xy`` [N, 2], ``label`` [N] (-1 where unknown) and ``classes``, the names of the labels.
        theme: colours.
    """
    figure = Figure(figsize=(max(6.4, 2.6 * len(models)), 3.4), layout="constrained", facecolor=theme.paper)
    shown = commonest(models)
    for axes, (name, found) in zip(figure.subplots(1, len(models), squeeze=False)[0], models.items(), strict=True):
        _title(axes, name, theme)
        _bare(axes, theme)
        axes.set_axis_off()
        rest = ~np.isin(found["label"], list(shown))
        axes.scatter(*found["xy"][rest].T, s=6, color=theme.faint if shown else theme.lines[0], linewidths=0)
        for number, label in enumerate(shown):
            axes.scatter(*found["xy"][found["label"] == label].T, s=9, linewidths=0, **_look(number, theme))
    handles = [Line2D([], [], linestyle="none", markersize=5.5, **_look(n, theme)) for n in range(len(shown))]
    names = list(shown.values())
    if shown and any((~np.isin(found["label"], list(shown))).any() for found in models.values()):
        handles.append(Line2D([], [], linestyle="none", marker="o", markersize=5.5, color=theme.faint))
        names.append("another class, or none")
    if handles:
        columns = max(1, min(9, int(14 * figure.get_figwidth()) // (max(len(name[:30]) for name in names) + 4)))
        rows = -(-len(names) // columns)
        figure.set_size_inches(figure.get_figwidth(), 3.4 + 0.2 * rows)
        made = figure.legend(
            handles, ["x" * min(len(name), 30) for name in names], loc="outside lower center", ncols=columns,
            frameon=False, labelcolor=theme.ink, fontsize=9, handletextpad=0.1, columnspacing=1.0,
        )  # fmt: skip
        for text, name in zip(made.get_texts(), names, strict=True):
            text.set_parse_math(False)
            text.set_text(visible(name)[:30])
    return figure


def commonest(models: Mapping[str, Arrays]) -> dict[int, str]:
    """The classes that get a colour: the commonest of all models' points, with their names."""
    labels = np.concatenate([found["label"] for found in models.values()])
    names = next(iter(models.values()))["classes"]
    known, counts = np.unique(labels[labels >= 0], return_counts=True)
    chosen = np.sort(known[np.argsort(-counts, kind="stable")][:CLASSES])
    return {int(label): str(names[label]) if label < len(names) else str(label) for label in chosen}


def scatter_said(models: Mapping[str, Arrays]) -> str:
    """What the colours of ``scatter`` mean, in a clause."""
    shown = commonest(models)
    labels = np.concatenate([found["label"] for found in models.values()])
    classes = len(np.unique(labels[labels >= 0]))
    if not shown:
        return "no class is known, so all have one colour"
    return "coloured by class" if classes == len(shown) else f"the {len(shown)} commonest of {classes} classes coloured"


def _outline(axes: Axes, values: NDArray[Any], edges: NDArray[Any], colour: str) -> None:
    """A histogram as tall as any other: what counts is where it lies and how wide it is."""
    counts, _ = np.histogram(values, edges)
    axes.stairs(counts / max(counts.max(), 1), edges, color=colour, linewidth=1.1, alpha=0.9)
    axes.stairs(counts / max(counts.max(), 1), edges, color=colour, fill=True, alpha=0.07)


def _look(number: int, theme: Theme) -> dict[str, Any]:
    colours = len(theme.lines)
    return {"color": theme.lines[number % colours], "marker": _MARKERS[number // colours % len(_MARKERS)]}


def _title(axes: Axes, name: str, theme: Theme, below: str = "") -> None:
    lines = [visible(name)[:30], *([below] if below else [])]
    axes.set_title("\n".join(lines), color=theme.ink, fontsize=10, parse_math=False)


def _bare(axes: Axes, theme: Theme) -> None:
    axes.set_facecolor(theme.paper)
    axes.tick_params(colors=theme.ink, labelsize=8, length=2)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(theme.ink)
