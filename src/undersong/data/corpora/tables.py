"""Tables: csv, tsv, jsonl and parquet files, with a column of texts and perhaps ones of labels and of splits.

csv is quoted as in RFC 4180; a stray quotation mark inside a text is let pass as long as no cell takes several lines.
tsv is not quoted at all, so that such a mark does no harm.

Knows nothing of words.
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from undersong.data.corpora.opening import kind_of, opened, seekable
from undersong.data.corpora.quoting import END, Ended, first_row, need_quoted
from undersong.data.corpora.source import BLOCK, BY_HASH, SPLIT_NAMES, of_rows, record_batch
from undersong.errors import UserError

_CSV_BLOCK = 1 << 24  # bytes; a row must fit
_USUAL = ("text", "sentence")


@dataclass(frozen=True)
class Columns:
    """Which columns hold what.

    Attributes:
        text: the sentence; None for the usual names, ``text`` and ``sentence``, or the only column.
        label: the class, or None; an empty cell is an unknown class.
        split: ``train``, ``valid`` or ``test`` (or their usual synonyms), or None; an empty cell says nothing.
        header: whether a csv or tsv file names its columns in its first row; if not, they are called 1, 2, 3.
    """

    text: str | None = None
    label: str | None = None
    split: str | None = None
    header: bool = True

    def text_in(self, names: Sequence[str], where: str) -> str:
        """The column of texts among a table's columns.

        Raises:
            UserError: a column is missing, or it is not clear which one holds the text.
        """
        for wanted, option in ((self.text, "text-column"), (self.label, "label-column"), (self.split, "split-column")):
            if wanted is not None and wanted not in names:
                raise UserError(
                    f"{where} has no column {wanted!r}; its columns are {', '.join(map(repr, names))}: "
                    f"give one of them with --{option}."
                )
        if self.text is not None:
            return self.text
        usual = [name for name in _USUAL if name in names] or (list(names) if len(names) == 1 else [])
        if not usual:
            raise UserError(
                f"{where} has columns {', '.join(map(repr, names))}: say which holds the text with --text-column."
            )
        return usual[0]

    def used(self, text: str) -> list[str]:
        """The columns to read, where ``text`` is the one of texts; each once, whatever it is used for."""
        return list(dict.fromkeys(name for name in (text, self.label, self.split) if name is not None))


def table_batch(
    table: pa.Table | pa.RecordBatch, columns: Columns, text: str, first: int, split: int, where: str
) -> pa.RecordBatch:
    """Lines from some rows of a table, the first of which is row number ``first``."""
    labels = None if columns.label is None else _bytes(_plain(table.column(columns.label)))
    splits: pa.Array | int = split
    if columns.split is not None:
        splits = splits_of(_plain(table.column(columns.split)).to_pylist(), where)
    rows = pa.array(np.arange(first, first + len(table)))
    values = _plain(table.column(text))
    if not _is_textual(values.type):
        raise UserError(f"{where}: column {text!r} holds {values.type}, not text: give another with --text-column.")
    return record_batch(_bytes(values), rows, labels, splits)


def _is_textual(kind: pa.DataType) -> bool:
    types = pa.types
    strings = (types.is_string, types.is_large_string, types.is_string_view)
    binaries = (types.is_binary, types.is_large_binary, types.is_binary_view)
    return types.is_null(kind) or any(test(kind) for test in (*strings, *binaries))


def _bytes(values: pa.Array) -> pa.LargeBinaryArray:
    """Texts as they are, whether they are UTF-8 or not; numbers as they are written."""
    return (values if _is_textual(values.type) else values.cast(pa.large_string())).cast(pa.large_binary())


def _plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole


def splits_of(names: Sequence[Any], where: str) -> pa.Array:
    """Numbers of splits from their names; an empty name says nothing.

    Raises:
        UserError: a name is none of the usual ones.
    """
    numbers = {"": BY_HASH} | SPLIT_NAMES
    written = [_written(name).strip() for name in names]
    for name in written:
        if name.lower() not in numbers:
            raise UserError(f"{where}: {name!r} in the split column is none of {', '.join(SPLIT_NAMES)}.")
    return pa.array([numbers[name.lower()] for name in written], pa.int8())


def _written(name: Any) -> str:
    if name is None:
        return ""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def read_csv(path: Path, columns: Columns, split: int = BY_HASH) -> Iterator[pa.RecordBatch]:
    """The rows of a csv or tsv file (by its name)."""
    tabs = kind_of(path) == ".tsv"
    parse = pacsv.ParseOptions(
        delimiter="\t" if tabs else ",",
        quote_char=False if tabs else '"',
        newlines_in_values=not tabs,
        ignore_empty_lines=False,  # a blank line is a row of empty cells, so that rows are counted as they stand
    )
    names = _header(path, parse, columns.header)
    if not names:
        return
    if columns.header and not tabs and len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise UserError(
            f"{path} has one column, {names[0]!r}: commas part the columns of a .csv file, tabs those of a .tsv file. "
            "Convert it, or rename it."
        )
    text = columns.text_in(names, str(path))
    used = columns.used(text)
    kinds = dict.fromkeys(used, pa.large_binary())
    convert = pacsv.ConvertOptions(include_columns=used, column_types=kinds, strings_can_be_null=False)
    skip = {"skip_rows_after_names": 1} if columns.header else {}
    reading = pacsv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK, column_names=names, **skip)
    first = 2 if columns.header else 1
    ended = tabs  # where nothing is quoted, nothing can be left open
    with opened(path) as file:
        quoted = Ended(file, len(names))
        rest = file if tabs else io.BufferedReader(quoted, _CSV_BLOCK)
        try:
            with pacsv.open_csv(rest, reading, parse, convert) as reader:
                for block in reader:
                    if len(block) and not tabs and all(column[-1].as_py() == END for column in block.columns):
                        block, ended = block.slice(0, len(block) - 1), True
                    for start in range(0, len(block), BLOCK):
                        rows = block.slice(start, BLOCK)
                        yield table_batch(rows, columns, text, first, split, str(path))
                        first += len(rows)
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return
            raise UserError(f"{path} is not a good table after row {first - 1}: {error}.") from error
    if not ended:
        raise UserError(
            f"{path}: a quotation mark that opens in row {first - 1} is never closed, so that all that follows would "
            "be one cell: close it, or double it where it is part of the text."
        )
    if quoted.lines >= first:
        need_quoted(path, quoted.lines - (first - 1))


def _header(path: Path, parse: pacsv.ParseOptions, header: bool) -> list[str]:
    """Names of the columns; none if the file is empty."""
    reading = pacsv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK, autogenerate_column_names=not header)
    with opened(path) as file:
        line = file.read(_CSV_BLOCK).removeprefix(b"\xef\xbb\xbf")
    if not line.strip():
        return []
    start = line if header else line.lstrip(b"\r\n")
    row = start.partition(b"\n")[0] if parse.quote_char is False else first_row(start)
    if not row.strip():
        raise UserError(f"{path}, row 1, is blank: the first row tells the columns.")
    try:
        names = pacsv.read_csv(pa.BufferReader(row + b"\n"), reading, parse).column_names
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise UserError(f"{path}, row 1, is not the header of a table: {error}.") from error
    return names if header else [str(i + 1) for i in range(len(names))]


def read_jsonl(path: Path, columns: Columns, split: int = BY_HASH) -> Iterator[pa.RecordBatch]:
    """The objects of a file of JSON lines; one that lacks the text is counted as such, a label or split is then null.

    Some of the first objects must have each column that is asked for. Where none is, each object's text is what has one
    of the usual names in it, or all have one and the same name alone.
    """
    texts: tuple[str, ...] = ()
    with opened(path) as file:
        lines = enumerate(file, start=1)
        while True:
            names: dict[str, None] = {}
            objects = []
            for number, line in islice(lines, BLOCK):
                found = _object(line, f"{path}, line {number}")
                names |= dict.fromkeys(found)
                objects.append((number, _used(found, columns)))
            if not objects:
                return
            if names and not texts:
                chosen = columns.text_in(list(names), str(path))
                texts = _USUAL if columns.text is None and chosen in _USUAL else (chosen,)
            yield _jsonl_block(objects, columns, texts, split, str(path))


def _used(found: dict[str, Any], columns: Columns) -> dict[str, Any] | None:
    """What may be asked of an object, the rest left behind; None for a blank line."""
    kept = {columns.text, columns.label, columns.split, *(_USUAL if columns.text is None else ())}
    return {name: value for name, value in found.items() if name in kept or len(found) == 1} if found else None


def _jsonl_block(
    objects: list[tuple[int, dict[str, Any] | None]], columns: Columns, texts: tuple[str, ...], split: int, where: str
) -> pa.RecordBatch:
    def of(found: dict[str, Any] | None, name: str | None) -> Any:
        return None if found is None or name is None else found.get(name)

    rows, reasons = list[tuple[int, str | None, str | None]](), list[str | None]()
    for number, found in objects:
        name = next((name for name in texts if found and name in found), None)
        reasons.append(None if found is None or name else f"no {' or '.join(map(repr, texts))}")
        words, label = of(found, name), of(found, columns.label)
        if words is not None and not isinstance(words, str):
            raise UserError(
                f"{where}, line {number}: the text is {type(words).__name__}, not a string: give another with "
                "--text-column."
            )
        rows.append((number, words, label if label is None or isinstance(label, str) else json.dumps(label)))
    (batch,) = of_rows(rows, split)
    batch = batch.set_column(4, batch.schema.field("skipped"), pa.array(reasons, pa.large_string()))
    if columns.split is None:
        return batch
    splits = splits_of([of(found, columns.split) for _, found in objects], where)
    return batch.set_column(2, batch.schema.field("split"), splits)


def _object(line: bytes, where: str) -> dict[str, Any]:
    """What a line holds; nothing, if it is blank."""
    if not line.strip():
        return {}
    try:
        # Bytes that are no text stay in their texts, for the check that all lines go through.
        found = json.loads(line.decode("utf-8-sig", "surrogateescape"))
    except (ValueError, RecursionError) as error:  # the second: objects nested too deeply
        raise UserError(f"{where} is not JSON ({error}): a .jsonl file holds one object a line.") from error
    if not isinstance(found, dict):
        raise UserError(f'{where} holds no JSON object: write each sentence as {{"text": "..."}}.')
    return found


def read_parquet(path: Path, columns: Columns, split: int = BY_HASH) -> Iterator[pa.RecordBatch]:
    """The rows of a parquet file."""
    with seekable(path) as file:
        try:
            table = papq.ParquetFile(pa.PythonFile(file), memory_map=False)
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{path} is not a parquet file ({error}).") from error
        text = columns.text_in(table.schema_arrow.names, str(path))
        first = 1
        try:
            for rows in table.iter_batches(BLOCK, columns=columns.used(text)):
                yield table_batch(rows, columns, text, first, split, str(path))
                first += len(rows)
        except (pa.ArrowException, OSError) as error:  # the footer is whole, the rows are not
            raise UserError(f"{path} is not a good table after row {first - 1}: {error}.") from error
