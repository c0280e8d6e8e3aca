"""A figure of a page: drawn when it is wanted, for light pages and dark ones, or into a file.

Knows nothing of what it shows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from undersong.report.figures import DARK, LIGHT, Theme, png, svg
from undersong.report.html import Picture


@dataclass(frozen=True)
class Drawn:
    """A figure, drawn on demand.

    Attributes:
        name: of its file.
        caption: stands below.
        draw: in a theme's colours.
        alt: what it shows, for those who do not see it; the caption by default.
    """

    name: str
    caption: str
    draw: Callable[[Theme], Figure]
    alt: str = ""

    def picture(self) -> Picture:
        """For a page."""
        return Picture(svg(self.draw(LIGHT)), svg(self.draw(DARK)), self.caption, self.alt or self.caption)

    def write(self, folder: Path) -> None:
        """As a PNG file."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.png").write_bytes(png(self.draw(LIGHT), dpi=110))
