"""A progress bar over lines, drawn to a terminal only, on standard error. Knows nothing of what is done to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Step(Protocol):
    """Called with the number of lines that are done."""

    def __call__(self, lines: int) -> None: ...


class Steps:
    """Opens one bar after the other."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars

    def step(self, name: str, total: int | None = None) -> Step:
        """A new bar; ``total`` lines, or None where their number is not yet known."""
        task = self._bars.add_task(name, total=total)
        return lambda lines: self._bars.advance(task, lines)


@contextmanager
def progress(shown: bool = True) -> Iterator[Steps]:
    """Bars that are cleared away at the end; nothing is drawn unless standard error is a terminal."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bars:
        yield Steps(bars)
