"""One small table value, written as Markdown here and as HTML by ``html``.

A cell keeps the number itself; digits are chosen where it is shown. What is not known is None and shown as a dash,
never as 0 or NaN. Knows nothing of what the numbers mean.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape

from undersong.text import visible

Value = float | int | str | None
DASH = "–"
BEST = "★"


@dataclass(frozen=True)
class Cell:
    """One entry.

    Attributes:
        value: a number, a text, or None for what is not known.
        digits: decimals shown of a float.
        error: standard error in the value's unit, if known.
        best: whether it is the best of those it may be compared with.
        mark: a sign that a note explains.
        detail: a second, smaller line.

    >>> str(Cell(-42.314, error=0.118)), str(Cell(87000)), str(Cell(None)), str(Cell(float("nan")))
    ('-42.31 ± 0.12', '87,000', '–', '–')
    """

    value: Value
    digits: int = 2
    error: float | None = None
    best: bool = False
    mark: str = ""
    detail: str = ""

    @property
    def is_number(self) -> bool:
        """True for a finite number."""
        return isinstance(self.value, int | float) and math.isfinite(self.value)

    def __str__(self) -> str:
        shown = self._number() if self.is_number else self.value
        return DASH if not isinstance(shown, str) else visible(shown) + self.mark

    def _number(self) -> str:
        if isinstance(self.value, int):
            return f"{self.value:,}"
        error = "" if self.error is None or not math.isfinite(self.error) else f" ± {self.error:,.{self.digits}f}"
        shown = f"{self.value:,.{self.digits}f}"
        return (shown.lstrip("-") if float(shown.replace(",", "")) == 0 else shown) + error


@dataclass(frozen=True)
class Table:
    """Rows of cells under named columns.

    Attributes:
        title: what it shows.
        columns: one name for each.
        rows: as many cells each.
        notes: sentences that stand below: what marks mean, what is not comparable.
        prose: True where cells are sentences, which a narrow screen shows below each other.
        labelled: whether the first cell of a row says what the row is.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = field(default=())
    prose: bool = False
    labelled: bool = True

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"Row {number} of {self.title!r} has {len(row)} cells for {len(self.columns)} columns."
                )

    def is_numeric(self, column: int) -> bool:
        """Whether a column holds numbers and nothing else but dashes."""
        cells = [row[column] for row in self.rows if row[column].value is not None]
        return bool(cells) and not any(isinstance(cell.value, str) for cell in cells)


def with_best(cells: Sequence[Cell], better: int) -> tuple[Cell, ...]:
    """The cells, the best of them marked; those that show the same digits share the mark.

    Nothing is marked where fewer than two are known, or where all are the same.

    Args:
        cells: figures that may be compared: the caller knows that they are of the same event.
        better: 1 where more is better, -1 where less is, 0 where neither is.
    """
    known = [cell.value * better for cell in cells if cell.is_number and not isinstance(cell.value, str | None)]
    if not better or len(known) < 2:
        return tuple(cells)
    digits = max(cell.digits for cell in cells)
    top = round(max(known), digits)
    if all(round(value, digits) == top for value in known):
        return tuple(cells)
    return tuple(replace(cell, best=_at(cell, better, digits, top)) for cell in cells)


def _at(cell: Cell, better: int, digits: int, top: float) -> bool:
    if isinstance(cell.value, str | None) or not cell.is_number:
        return False
    return round(cell.value * better, digits) == top


def markdown(table: Table) -> str:
    """A GitHub-flavoured table under its title, the notes below.

    >>> print(markdown(Table("T", ("run", "KL"), ((Cell("a|b"), Cell(1.0, best=True)),))))
    **T**
    <BLANKLINE>
    | run | KL |
    |:--|--:|
    | a\\|b | **1.00** |
    <BLANKLINE>
    """
    rules = ("--:" if table.is_numeric(number) else ":--" for number in range(len(table.columns)))
    lines = [f"**{_md(table.title)}**", "", _row(_md(name) for name in table.columns), f"|{'|'.join(rules)}|"]
    lines += [_row(f"**{_md(str(c))}**" if c.best else _md(str(c)) for c in row) for row in table.rows]
    lines += ["", *(f"{_md(note)}  " for note in table.notes)]
    return "\n".join(lines).rstrip() + "\n"


def _row(cells) -> str:
    return f"| {' | '.join(cells)} |"


def _md(text: str) -> str:
    """Markdown lets HTML through and has signs of its own: both are written as plain characters."""
    harmless = escape(visible(text), quote=False)
    return "".join(f"\\{c}" if c in "\\`*_[]|#~" else c for c in harmless)
