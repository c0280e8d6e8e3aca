"""A bar on standard error for work that turns out to be long. Knows nothing of the work."""

import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import ExitStack
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PATIENCE = 5.0  # seconds without a word
Part = TypeVar("Part", bound=Sized)


def shown(parts: Iterable[Part], total: int, what: str) -> Iterator[Part]:
    """The ``parts``, one by one; from ``PATIENCE`` seconds on, a terminal shows how many of the ``total`` are done."""
    started, done, bar = time.monotonic(), 0, None
    console = Console(stderr=True)
    with ExitStack() as stack:
        for part in parts:
            yield part
            done += len(part)
            if bar is None and console.is_terminal and done < total and time.monotonic() - started > PATIENCE:
                columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
                bar = stack.enter_context(Progress(*columns, console=console, transient=True))
                bar.add_task(what, total=total)
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done)
