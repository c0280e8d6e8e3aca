"""Sentences from arguments, a file or standard input. Knows nothing of what becomes of them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from undersong.data.corpora.find import TABLES
from undersong.data.corpora.opening import kind_of
from undersong.data.corpora.treebank import ENDINGS
from undersong.errors import UserError
from undersong.settings import need_text


def gather(sentences: Sequence[str], file: Path | None = None) -> list[str]:
    """The sentences given as arguments, else the lines of ``file`` (``-`` is standard input), else standard input.

    Raises:
        UserError: nothing was given, or both arguments and a file; a file that cannot be read, or is a table or a
            treebank; a line that is not UTF-8 or has no words.
    """
    if sentences:
        if file is not None:
            raise UserError("sentences were given both as arguments and in a file: use one of the two.")
        need_text(*sentences)
        return list(sentences)
    if file is None and (sys.stdin is None or sys.stdin.isatty()):
        raise UserError("no sentences were given: write them as arguments, or use --file FILE, or pipe them in.")
    if file is None or str(file) == "-":
        return lines(sys.stdin.buffer, "standard input")
    kind = kind_of(file)
    if kind in TABLES or kind in ENDINGS:
        raise UserError(
            f"{file} is a {'table' if kind in TABLES else 'treebank'}, and sentences are read here from text, one a "
            "line: write them into such a file."
        )
    try:
        with open(file, "rb") as source:
            return lines(source, str(file))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from None


def lines(source: BinaryIO, name: str) -> list[str]:
    """The lines of a file of UTF-8 text, one sentence each."""
    found = []
    for number, line in enumerate(source, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UserError(
                f"line {number} of {name} is not UTF-8 text (byte {error.start + 1}): convert it, or remove the line."
            ) from None
        if not text.strip():
            raise UserError(f"line {number} of {name} is empty: remove it, so that results and lines stay in step.")
        found.append(text)
    if not found:
        raise UserError(f"{name} is empty: give one sentence a line.")
    return found
