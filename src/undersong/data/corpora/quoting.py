"""Quotation marks of a csv file that swallow rows: one that is never closed, and ones where RFC 4180 has none.

A cell that begins with a mark goes on to the next single one, however many lines later. So a mark that merely begins a
text swallows rows; and whoever wrote it so has mostly written others too, inside texts, neither doubled nor at the end
of a cell. Knows nothing of columns.
"""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from undersong.data.corpora.opening import opened
from undersong.errors import UserError

END = b"\x1eundersong: the end\x1e"  # a cell of the row that is put after a csv file

_INSIDE = rb'(?:[^"]++|"")*+'
_CELL = rb'(?:"' + _INSIDE + rb'"|[^",\n]*+)'
_CELLS = rb"(?:" + _CELL + rb",)*+(?:" + _CELL + rb'\r?\n?|(?P<open>"' + _INSIDE + rb"))"
_LINE = re.compile(_CELLS)
_LINE_FROM_INSIDE = re.compile(_INSIDE + rb'(?P<closed>"(?:\r?\n?|,' + _CELLS + rb"))?")


class Ended(io.RawIOBase):
    """A csv file's bytes, and a last row that nobody wrote: an open quotation mark would swallow it.

    Attributes:
        lines: of the file, read so far.
    """

    def __init__(self, file: BinaryIO, columns: int) -> None:
        self._file, self._end, self._last = file, b",".join([END] * columns) + b"\n", b"\n"
        self.lines = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._file.read(len(buffer)) or (b"" if self._last == b"\n" else b"\n")
        if found:
            self._last = found[-1:]
            self.lines += found.count(b"\n")
        else:
            found, self._end = self._end[: len(buffer)], self._end[len(buffer) :]
        buffer[: len(found)] = found
        return len(found)


class Stray(NamedTuple):
    """A mark out of place.

    Attributes:
        line: the number of the line it stands in.
        opened: the number of an earlier line in which its cell was opened; None if there is none.
    """

    line: int
    opened: int | None


def stray_mark(lines: Iterable[bytes]) -> Stray | None:
    """The first mark of a csv file that neither begins nor ends a cell and is not doubled; None if all are in place.

    >>> stray_mark([b"1,fine\\n", b'2,a "b" c'])
    Stray(line=2, opened=None)
    >>> stray_mark([b'1,"he said\\n', b"2,so\\n", b'3,"no" again'])
    Stray(line=3, opened=1)
    >>> stray_mark([b'1,"he said ""so\\n', b'and so"" again",2'])
    """
    opened = None
    for number, line in enumerate(lines, 1):
        if b'"' not in line:
            continue
        found = (_LINE if opened is None else _LINE_FROM_INSIDE).fullmatch(line)
        if found is None:
            return Stray(number, opened)
        if opened is None or found["closed"] is not None:
            opened = number if found["open"] is not None else None
    return None


def first_row(block: bytes) -> bytes:
    r"""The first row of a csv file, of many lines if its cells are; the first line, if a mark in it is out of place.

    >>> first_row(b'text,"a\nb"\n1,2\n'), first_row(b'text,5" disk\n1,"2"\n')
    (b'text,"a\nb"\n', b'text,5" disk')
    """
    found = _LINE.match(block)
    if found is not None and found["open"] is None and found.group().endswith(b"\n"):
        return found.group()
    return block.partition(b"\n")[0]


def need_quoted(path: Path, inside: int) -> None:
    """See that no cell of several lines was one by mistake.

    Args:
        path: of a csv file.
        inside: how many line ends lie inside its cells.

    Raises:
        UserError: a mark is out of place.
    """
    with opened(path) as file:
        stray = stray_mark(line.removeprefix(b"\xef\xbb\xbf") for line in file)
    if stray is not None:
        since = "" if stray.opened is None else f" that began in line {stray.opened}"
        raise UserError(
            f"{path}, line {stray.line}: a quotation mark stands inside a cell{since}, and {inside} line ends of the "
            "file lie inside cells too, so that rows may have been swallowed: double every mark that is part of a text "
            "and put one before and one after that text, or write a .tsv file, which needs none."
        )
