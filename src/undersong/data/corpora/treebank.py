"""Treebanks as sources of ``prepare``: CoNLL-U files and files of bracketed trees, found out by their endings.

Their words are given, so a line's text is its words parted by tabs, which the word rule does not touch; the annotation
travels beside it in further columns. Knows nothing of vocabularies or splits.
"""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pyarrow as pa

from undersong.data.corpora import brackets, conllu
from undersong.data.corpora.annotated import Row, Sentence, shape, sound, without
from undersong.data.corpora.opening import kind_of, opened
from undersong.data.corpora.source import ANNOTATED, BLOCK, Part, Source, record_batch
from undersong.data.corpora.tables import Columns
from undersong.errors import UserError

CONLLU = (".conllu",)
TREES = (".ptb", ".mrg", ".parse", ".trees")
ENDINGS = (*CONLLU, *TREES)


@dataclass(frozen=True)
class Treebank:
    """How a treebank is read.

    Attributes:
        tag: the column of CoNLL-U that holds the tags; None for the usual one.
        drop_punctuation: leave out words that are punctuation.
    """

    tag: str | None = None
    drop_punctuation: bool = False


def is_treebank(path: Path) -> bool:
    """Whether a file's name says that it is a treebank.

    >>> is_treebank(Path("en_ewt-ud-train.conllu.gz")), is_treebank(Path("train.txt"))
    (True, False)
    """
    return kind_of(path) in ENDINGS


def treebank_source(
    files: list[tuple[Path, int]], columns: Columns, reading: Treebank, given: frozenset[int], skipped: dict[str, int]
) -> Source:
    """The source of some treebank files, each with its split.

    Raises:
        UserError: files of both kinds, a column that there is not, or a library that is missing.
    """
    trees = [kind_of(path) in TREES for path, _ in files]
    if len(set(trees)) > 1:
        raise UserError(
            f"{files[trees.index(False)][0]} is CoNLL-U and {files[trees.index(True)][0]} holds bracketed trees: "
            f"give a folder with one of the two kinds."
        )
    text, tag = _chosen(files[0][0], columns.text, reading.tag)
    if columns.label or columns.split:
        raise UserError(f"{files[0][0]} is a treebank, which has no columns of labels or splits: leave them out.")
    parts = [
        Part(str(path), partial(_read, path, split, text, tag, reading.drop_punctuation), "sentence at line")
        for path, split in files
    ]
    kinds = ("tags", "spans") if trees[0] else ("tags", "heads")
    return Source(parts, given=given, skipped=skipped, annotations=kinds)


def _chosen(path: Path, text: str | None, tag: str | None) -> tuple[str, str]:
    """The columns of words and of tags, of those that files of this kind have; that kind's library is there."""
    trees = kind_of(path) in TREES
    library, known, usual = ("nltk", brackets.COLUMNS, "xpos") if trees else ("conllu", conllu.COLUMNS, "upos")
    if find_spec(library) is None:
        raise UserError(f"Reading {path} takes the package {library}: pip install 'undersong[treebanks]'.")
    text, tag = text or "form", tag or usual
    for column, option in ((text, "text-column"), (tag, "tag-column")):
        if column not in known or (trees and option == "tag-column" and column != usual):
            choice = usual if trees and option == "tag-column" else ", ".join(known)
            raise UserError(f"{path} has no {option.replace('-', ' ')} {column!r}: give --{option} {choice}.")
    return text, tag


def treebank_sentences(path: Path, text: str | None = None) -> list[Sentence]:
    """The sentences of one treebank file, as they stand in it.

    Args:
        path: a file with one of the endings ``ENDINGS``, perhaps compressed.
        text: the column whose values are the words; None for the words themselves.

    Raises:
        UserError: there is no such column, the library is missing, or something is no sentence, or no UTF-8.
    """
    found = []
    for row in _rows(path, *_chosen(path, text, None)):
        skipped = row.skipped
        if any("\udc80" <= letter <= "\udcff" for word in row.sentence.words for letter in word):
            skipped = "a word that is not UTF-8"
        if skipped:
            raise UserError(f"{path}, sentence at line {row.line}: it has {skipped}; correct it, or remove it.")
        found.append(row.sentence)
    if not found:
        raise UserError(f"{path} has no sentences.")
    return found


def _rows(path: Path, text: str, tag: str) -> Iterator[Row]:
    """Sentences as the file's format has them; bytes that are no text are surrogates, as ``surrogateescape`` has it."""
    with opened(path) as file:
        lines = (line.decode("utf-8", "surrogateescape") for line in _unmarked(file))
        if kind_of(path) in TREES:
            yield from brackets.read_trees(lines, str(path), text)
        else:
            yield from conllu.read_conllu(lines, str(path), text, tag)


def _read(path: Path, split: int, text: str, tag: str, drop: bool) -> Iterator[pa.RecordBatch]:
    """Record batches of the schema ``ANNOTATED``; the check that all lines go through finds bytes that are no text."""
    rows = _rows(path, text, tag)
    while block := list(islice(rows, BLOCK)):
        yield _block(block, split, drop)


def _unmarked(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines without the mark of byte order that some editors put before the first."""
    for number, line in enumerate(lines):
        yield line.removeprefix(codecs.BOM_UTF8) if number == 0 else line


def _block(rows: list[Row], split: int, drop: bool) -> pa.RecordBatch:
    texts, found = list[bytes](), list[dict[str, object]]()
    for row in rows:
        sentence, fault = sound(row.sentence)
        if drop:
            sentence = without(sentence, row.punctuation)
        texts.append("\t".join(sentence.words).encode("utf-8", "surrogateescape"))
        notes = [fault] if fault else shape(sentence.heads or ())
        found.append(
            {
                "tags": None if sentence.tags is None else [_text(tag) for tag in sentence.tags],
                "heads": sentence.heads,
                "spans": [place for span in sentence.spans or () for place in span[:2]],
                "span_labels": [_text(span[2]) for span in sentence.spans or ()],
                "notes": notes,
            }
        )
    batch = record_batch(
        pa.array(texts, pa.large_binary()),
        pa.array([row.line for row in rows], pa.int64()),
        split=split,
        skipped=pa.array([row.skipped for row in rows], pa.large_string()),
    )
    columns = [pa.array([item[field.name] for item in found], field.type) for field in ANNOTATED]
    return pa.record_batch([*batch.columns, *columns], names=[*batch.schema.names, *ANNOTATED.names])


def _text(label: str | None) -> str | None:
    return None if label is None else label.encode("utf-8", "replace").decode()
