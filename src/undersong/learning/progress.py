"""What a person sees while a run trains, on standard error: a live line on a terminal, else a plain line now and then.

Knows nothing of how the numbers came about.
"""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from undersong.learning.record import Line


class Display:
    """Shows lines of the record, inside ``with``: the terminal is left as it was, whatever happens.

    Args:
        total: steps the run will take at most.
        quiet: show nothing.
        every: seconds between plain lines of training; validations are always shown.
    """

    def __init__(self, total: int, quiet: bool = False, every: float = 30.0):
        self.total, self.quiet, self.every = total, quiet, every
        self.console = Console(stderr=True, highlight=False)
        self.held: Line = {}
        self._began: tuple[float, int] | None = None
        self._shown = time.monotonic()
        self._live: Progress | None = None
        if self.console.is_terminal and not quiet:
            text = TextColumn("{task.description}", table_column=Column(no_wrap=False))
            self._live = Progress(BarColumn(20), text, console=self.console, transient=True)
            self._task = self._live.add_task("", total=total)

    def __enter__(self) -> "Display":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """A sentence of its own."""
        if self.quiet:
            return
        if self._live is not None:
            self.console.print(text, markup=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def train(self, line: Line) -> None:
        """A line of kind ``train``."""
        now, step = time.monotonic(), line["step"]
        if self._began is None:
            self._began = now, step
        where, what = self._texts(line)
        where += f"  {_left(self._began, now, step, self.total)}"
        text = f"{where}  {what}"
        if self._live is not None:
            self._live.update(self._task, completed=step, description=f"{where}\n{what}")
        elif now - self._shown >= self.every:
            self._shown = now
            self.say(text)

    def valid(self, line: Line) -> None:
        """A line of kind ``valid``."""
        self.held = line
        mark = "  best so far" if line["best"] else ""
        value = f"objective {_number(line['objective'])}  ELBO {_number(line['elbo'])}  "
        self.say(f"held out, epoch {line['epoch']:.2f}, step {line['step']}: {value}{_held(line)}{mark}")

    def _texts(self, line: Line) -> tuple[str, str]:
        share = f"  {_held(self.held, short=True)}" if self.held else ""
        where = f"epoch {line['epoch']:.2f}  step {line['step']}  {line['tokens_per_second']:,.0f} tokens/s"
        terms = f"reconstruction {_number(line.get('reconstruction'))}  KL {_number(line.get('kl'))}"
        return where, f"{terms}{share}" if "reconstruction" in line else f"loss {_number(line.get('loss'))}"


def _held(line: Line, short: bool = False) -> str:
    if line["reconstruction"] is None and line["kl"] is None:
        return ""
    percent = line["kl_percent"]
    share = "" if percent is None else f" ({percent:.1f}% of the objective)"
    units = "" if line["active_units"] is None else f"  active units {line['active_units']}"
    if short:
        return f"held out: KL {_number(line['kl'])}{share}{units}"
    return f"reconstruction {_number(line['reconstruction'])}  KL {_number(line['kl'])}{share}{units}"


def _left(began: tuple[float, int], now: float, step: int, total: int) -> str:
    seconds, steps = now - began[0], step - began[1]
    if steps <= 0:
        return ""
    left = round(seconds / steps * (total - step))
    return f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
