"""CoNLL-U files: ten columns a word, a blank line after each sentence; read by the library `conllu`, written here.

The units are the syntactic words: lines of multiword tokens (``3-4``) and of empty nodes (``8.1``) are left out. The
format is that of https://universaldependencies.org/format.html. Knows nothing of what is done with the sentences.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from undersong.data.corpora.annotated import Row, Sentence
from undersong.data.corpora.escaping import code, escape_spaces, unescape_spaces
from undersong.errors import UserError

COLUMNS = ("form", "lemma", "upos", "xpos", "feats", "deprel")  # those that say something of a word
_FIELDS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")


def read_conllu(lines: Iterable[str], where: str, text: str = "form", tag: str = "upos") -> Iterator[Row]:
    r"""The sentences of a CoNLL-U file.

    Args:
        lines: of the file.
        where: how errors name it.
        text: the column whose values are the words.
        tag: the column whose values are the tags.

    Raises:
        UserError: a line is not one of CoNLL-U; names the line.

    >>> written = write_conllu([Sentence(("a", "dog"), ("DET", "NOUN"), (2, 0))])
    >>> next(read_conllu(written.split("\n"), "example")).sentence
    Sentence(words=('a', 'dog'), tags=('DET', 'NOUN'), heads=(2, 0), spans=None)
    """
    first, tokens = 0, list[dict[str, Any]]()
    for number, line in enumerate(lines, start=1):
        line = line.rstrip("\r\n")
        if not line.strip(" \t"):
            if tokens:
                yield _row(first, tokens, text, tag)
            tokens = []
        elif not line.startswith("#"):
            token = _token(line, f"{where}, line {number}")
            if not tokens:
                first = number
            if isinstance(token["id"], int):  # others are ranges and empty nodes
                if token["id"] != len(tokens) + 1:
                    raise UserError(
                        f"{where}, line {number}: word {token['id']} comes where word {len(tokens) + 1} should: number "
                        f"the words of a sentence from 1, and leave a blank line after it."
                    )
                tokens.append(token)
    if tokens:
        yield _row(first, tokens, text, tag)


def _token(line: str, where: str) -> dict[str, Any]:
    """One line's fields, by name."""
    from conllu.exceptions import ParseException
    from conllu.parser import parse_line

    columns = line.split("\t")
    if len(columns) != len(_FIELDS):
        raise UserError(
            f"{where} has {len(columns)} columns, not the {len(_FIELDS)} of CoNLL-U, parted by tabs: correct it."
        )
    if not columns[1] or columns[1].isspace():
        raise UserError(f"{where} has no word in its second column: correct it.")
    if "  " in line:  # the library takes two spaces for a tab
        line = re.sub(" {2,}", " ", line)
    try:
        token = parse_line(line, _FIELDS, _parsers())
    except ParseException as error:
        raise UserError(f"{where} is not a line of CoNLL-U ({error}): correct it.") from error
    if token["id"] is None:
        raise UserError(f"{where}: {columns[0]!r} is not the number of a word: number the words of a sentence from 1.")
    if token["head"] != "_" and not token["head"].isdecimal():
        raise UserError(f"{where}: the head {token['head']!r} is not the number of a word: correct it, or write _.")
    return token


@functools.cache
def _parsers() -> dict[str, Any]:
    """How the library is to read each column: numbers of words by its own rule, all others as they are."""
    from conllu.parser import parse_id_value

    return dict.fromkeys(_FIELDS, _as_it_is) | {"id": lambda values, place: parse_id_value(values[place])}


def _as_it_is(values: list[str], place: int) -> str:
    return values[place]


def _row(line: int, tokens: list[dict[str, Any]], text: str, tag: str) -> Row:
    words = [_value(token, text) for token in tokens]
    missing = f"a word without {text}" if None in words else None
    sentence = Sentence(
        tuple(word or "_" for word in words),
        tuple(_value(token, tag) for token in tokens),
        tuple(-1 if token["head"] == "_" else int(token["head"]) for token in tokens),
    )
    return Row(line, sentence, tuple(token["upos"] == "PUNCT" for token in tokens), missing)


def _value(token: dict[str, Any], column: str) -> str | None:
    """None where nothing is said; a form is always one, and the lemma of the word ``_`` is ``_``."""
    value = token[column]
    if value == "_" and not (column == "form" or (column == "lemma" and token["form"] == "_")):
        return None
    return unescape_spaces(value)


def write_conllu(rows: Iterable[Sentence]) -> str:
    r"""Sentences as CoNLL-U: their tags in the column UPOS, their heads with the relation ``root`` or ``dep``.

    White space that the format cannot hold is written by its code point, such as ``-U+0009-``; so is a tag ``_``.

    Raises:
        ValueError: a word is empty, or there are more or fewer tags or heads than words.

    >>> print(write_conllu([Sentence(("Dogs", "bark"), ("NOUN", None), (2, 0))]).replace("\t", " "), end="")
    1 Dogs _ NOUN _ _ 2 dep _ _
    2 bark _ _ _ _ 0 root _ _
    <BLANKLINE>
    """
    return "".join(f"{_block(row)}\n" for row in rows)


def _block(row: Sentence) -> str:
    count = len(row.words)
    tags = (None,) * count if row.tags is None else row.tags
    heads = (-1,) * count if row.heads is None else row.heads
    if "" in row.words or "" in tags or not len(tags) == len(heads) == count:
        raise ValueError(
            f"Not a sentence with a tag and a head for each of its words, none of words and tags empty: {row}."
        )
    lines = []
    for number, (word, tag, head) in enumerate(zip(row.words, tags, heads, strict=True), start=1):
        written = "_" if tag is None else code("_") if tag == "_" else escape_spaces(tag)
        relation = ("_", "_") if head < 0 else (str(head), "dep" if head else "root")
        lines.append("\t".join((str(number), escape_spaces(word), "_", written, "_", "_", *relation, "_", "_")) + "\n")
    return "".join(lines)
