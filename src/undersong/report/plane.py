"""Where models stand on the rate-distortion plane, and how much of their rate is information.

Knows nothing of runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from undersong.measures.rates import at_cap
from undersong.report.figures import LIGHT, Theme, legend, plain_axes, style_of


@dataclass(frozen=True)
class Point:
    """A model on the rate-distortion plane, in nats a sentence.

    Attributes:
        name: of the model.
        rate, distortion: R and D.
        group: points of one group are of the same event.
        information: I(x, z) as estimated; None where it is not known.
        cap: the most that its estimator can say; None for no such limit.
    """

    name: str
    rate: float
    distortion: float
    group: int = 0
    information: float | None = None
    cap: float | None = None

    @property
    def is_capped(self) -> bool:
        """Whether the estimate is its estimator's ceiling, and no finding."""
        return self.information is not None and self.cap is not None and at_cap(self.information, self.cap)


def rate_distortion(points: Sequence[Point], theme: Theme = LIGHT) -> Figure:
    """Where models stand: rate against distortion, and the lines on which the ELBO is the same.

    On a line R + D is constant; nearer the lower left corner is a higher ELBO, further right a fuller latent variable.
    A bar goes from the mutual information to the rate: what of the rate tells no sentence from another. It begins with
    a tick, or with a hollow ring where the estimate sits at its estimator's cap, which a dotted line shows (Alemi et
    al. 2018; IGP, section 5.1).

    Args:
        points: one for each model; those of different events share the plane but no line.
        theme: colours.
    """
    figure, axes = plain_axes("rate R = KL, nats a sentence", "distortion D, nats a sentence", theme)
    handles, names = [], [p.name for p in points]
    for number, point in enumerate(points):
        style = style_of(number, theme) | {"linestyle": "none", "markersize": 8.5}
        axes.plot([point.rate], [point.distortion], clip_on=False, zorder=4, **style)
        handles.append(Line2D([], [], **style))
        if point.information is not None:
            _bar(axes, point, point.information, style["color"])
    told = [p.information for p in points if p.information is not None]
    rates, distortions = [p.rate for p in points] or [0.0], [p.distortion for p in points] or [0.0]
    first, last = min([*rates, *told]), max([*rates, *told])
    across, up = max(last - first, 0.5), max(max(distortions) - min(distortions), 0.5)
    left, right = max(-0.03 * across, first - 0.12 * across), last + 0.12 * across
    caps = sorted({p.cap for p in points if p.cap and p.information is not None and left < p.cap < right})
    axes.set_xlim(left, right)
    axes.set_ylim(min(distortions) - 0.12 * up, max(distortions) + 0.12 * up)
    if len({point.group for point in points}) == 1:
        for point in points:  # R + D = the point's own
            total = point.rate + point.distortion
            axes.plot([left, right], [total - left, total - right], color=theme.faint, linewidth=1.2, zorder=1)
        axes.grid(False)
    for cap in caps:
        axes.axvline(cap, color=theme.ink, linewidth=1.0, linestyle=(0, (1, 2)), zorder=2)
    if told:
        ink: dict[str, Any] = {"color": theme.ink, "markerfacecolor": theme.paper, "markersize": 9.0}
        handles.append(Line2D([], [], marker="|", markeredgewidth=2.0, linewidth=1.4, **ink))
        names.append("mutual information, up to R")
        if any(p.is_capped for p in points):
            handles.append(Line2D([], [], marker="o", linestyle="none", **ink))
            names.append("the same, at its cap: R or less")
    if caps:
        handles.append(Line2D([], [], color=theme.ink, linewidth=1.0, linestyle=(0, (1, 2))))
        names.append("the estimator's cap")
    legend(axes, handles, names, theme)
    return figure


def _bar(axes: Axes, point: Point, information: float, color: str) -> None:
    """From (I, D) to (R, D)."""
    height = point.distortion
    axes.plot([information, point.rate], [height, height], color=color, linewidth=1.6, alpha=0.7, zorder=3)
    marker, size = ("o", 8.0) if point.is_capped else ("|", 11.0)
    axes.plot(
        [information], [height], color=color, marker=marker, markersize=size, markeredgewidth=1.8, zorder=3,
        markerfacecolor=axes.get_facecolor(), clip_on=False,
    )  # fmt: skip
