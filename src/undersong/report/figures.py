"""Figures: what all of them share, and what happened over training.

Each function returns a ``Figure``, which ``png`` and ``svg`` write as bytes that depend on the data alone. Colours are
told apart by people with any colour vision (after Okabe and Ito), and each line also has a marker of its own. There is
no global state (no pyplot), and no text is read as mathematics: a run may be called ``$x``. Knows nothing of runs.
"""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from undersong.text import visible

WIDE = 74  # letters of a legend, about
_MARKERS = "osD^vPX*"
_DASHES = ("solid", (0, (5, 1.6)), (0, (1.4, 1.2)), (0, (5, 1.4, 1.2, 1.4)))


@dataclass(frozen=True)
class Theme:
    """Colours for a page of one brightness.

    Attributes:
        ink: of text and axes.
        faint: of the grid and of what is only a guide.
        paper: behind everything.
        lines: one for each series, in order; more series begin again with another dash.
    """

    ink: str
    faint: str
    paper: str
    lines: tuple[str, ...]


LIGHT = Theme("#1d2430", "#d6dae1", "#ffffff", ("#0072b2", "#d55e00", "#008f68", "#a9489a", "#9a7400", "#5b6270"))
DARK = Theme("#e4e8ee", "#3a4250", "#171b22", ("#5ab4f0", "#ff8f4d", "#38cf9f", "#e596d3", "#e8c04a", "#aab2bf"))


@dataclass(frozen=True)
class Series:
    """One line of a figure; None where nothing is known, which leaves a gap."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]


def over_training(series: Sequence[Series], x_label: str, y_label: str, theme: Theme = LIGHT) -> Figure:
    """A figure a run's held-out sentences gave again and again while it trained (AutoGen, figure 2).

    Args:
        series: one for each run; those with nothing known are named in the legend as such.
        x_label, y_label: with their units.
        theme: colours.
    """
    figure, axes = plain_axes(x_label, y_label, theme)
    handles, names = [], []
    for number, one in enumerate(series):
        known = [y for y in one.y if y is not None]
        style = style_of(number, theme)
        y = [float("nan") if value is None else value for value in one.y]
        every = max(1, len(y) // 12)
        axes.plot(list(one.x), y, markevery=every, clip_on=False, zorder=3, **style)
        handles.append(Line2D([], [], **style))
        names.append(one.name if known else f"{one.name} (has none)")
    legend(axes, handles, names, theme)
    axes.margins(x=0.02)
    return figure


def png(figure: Figure, dpi: int = 144) -> bytes:
    """The figure as pixels, with nothing in the file that tells when or where it was made."""
    out = io.BytesIO()
    with _quietly():
        FigureCanvasAgg(figure).print_figure(
            out, format="png", dpi=dpi, facecolor=figure.get_facecolor(), metadata={"Software": None}
        )
    return out.getvalue()


def svg(figure: Figure) -> bytes:
    """The figure as vectors; letters are outlines, so that it looks the same wherever it is opened."""
    out = io.BytesIO()
    with _quietly(), matplotlib.rc_context({"svg.hashsalt": "undersong", "svg.fonttype": "path"}):
        FigureCanvasSVG(figure).print_figure(
            out, format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None, "Creator": None}
        )
    return out.getvalue()


def plain_axes(x_label: str, y_label: str, theme: Theme) -> tuple[Figure, Axes]:
    """An empty figure with one pair of named axes."""
    figure = Figure(figsize=(6.4, 4.0), layout="constrained", facecolor=theme.paper)
    axes = figure.add_subplot()
    axes.set_facecolor(theme.paper)
    axes.set_xlabel(visible(x_label), color=theme.ink, fontsize=11, labelpad=7, parse_math=False)
    axes.set_ylabel(visible(y_label), color=theme.ink, fontsize=11, labelpad=7, parse_math=False)
    axes.tick_params(colors=theme.ink, labelsize=10, length=0, pad=6)
    axes.grid(color=theme.faint, linewidth=0.7, alpha=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(theme.ink)
        spine.set_linewidth(0.8)
    return figure, axes


def style_of(number: int, theme: Theme) -> dict:
    """Colour, dash and marker of the ``number``-th series."""
    colours = len(theme.lines)
    return {
        "color": theme.lines[number % colours],
        "linestyle": _DASHES[(number // colours) % len(_DASHES)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "linewidth": 2.0,
        "markersize": 6.0,
        "markeredgecolor": theme.paper,
        "markeredgewidth": 0.8,
    }


def legend(axes: Axes, handles: list[Line2D], names: Sequence[str], theme: Theme) -> None:
    """Above the axes, so that it hides nothing; the figure grows by the lines it takes."""
    if not handles:
        return
    columns = next(c for c in range(min(len(names), 6), 0, -1) if c == 1 or _width(names, c) <= WIDE)
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.set_size_inches(6.4, 3.5 + 0.24 * -(-len(names) // columns))
    # Matplotlib leaves out labels that begin with an underscore, so the names are set afterwards.
    shown = axes.legend(
        handles, ["x" * min(len(n), 48) for n in names], loc="lower left", bbox_to_anchor=(-0.01, 1.01), ncols=columns,
        frameon=False, fontsize=10.5, labelcolor=theme.ink, handlelength=2.2, borderaxespad=0.2, columnspacing=1.6,
    )  # fmt: skip
    for text, name in zip(shown.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(_short(visible(name)))


def _width(names: Sequence[str], columns: int) -> float:
    """Of a legend in letters: each column is as wide as its longest name and what stands beside it."""
    widths = [sum(1 + (east_asian_width(letter) in "WF") for letter in _short(visible(name))) for name in names]
    return sum(max(part) for part in np.array_split(widths, columns)) + 9 * columns


def _short(name: str) -> str:
    return name if len(name) <= 48 else name[:22] + " … " + name[-22:]


class _quietly(warnings.catch_warnings):
    """A name in a script that the font lacks is drawn as boxes; a warning for each letter helps nobody."""

    def __enter__(self):
        entered = super().__enter__()
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        return entered
