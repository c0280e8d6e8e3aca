"""What every source of sentences looks like to ``prepare``: parts that yield record batches of lines.

A line is the bytes of a text, its label as written, the split it is said to belong to (-1 where none is), and its row
number in its part, for error messages. Text stays bytes until one place, ``lines``, has checked that it is text.

Knows nothing of words or vocabularies.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

BY_HASH = -1  # a line whose source does not say its split
BLOCK = 8192  # lines in a record batch

SCHEMA = pa.schema(
    [("text", pa.large_binary()), ("label", pa.large_string()), ("split", pa.int8()), ("row", pa.int64())]
)

SPLIT_NAMES = {
    "train": 0, "training": 0,
    "valid": 1, "validation": 1, "val": 1, "dev": 1, "devel": 1, "development": 1,
    "test": 2, "testing": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One file, table or stream.

    Attributes:
        name: how errors name it.
        read: opens it afresh and yields record batches of ``SCHEMA``.
    """

    name: str
    read: Callable[[], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Source:
    """Where the sentences come from.

    Attributes:
        parts: read one after the other.
        labelled: whether lines carry labels.
        given: the splits that the source itself names, as 0, 1, 2; the others are made by hash.
        label_names: the classes, where the source knows them beforehand; else they are those met, sorted.
        skipped: what the source leaves out before any line is read, by reason.
        column_of_splits: whether each line says its split, so that ``given`` is known only once all are read.
    """

    parts: list[Part]
    labelled: bool = False
    given: frozenset[int] = frozenset()
    label_names: list[str] | None = None
    skipped: dict[str, int] = field(default_factory=dict)
    column_of_splits: bool = False


def record_batch(
    text: pa.Array, row: pa.Array, label: pa.Array | None = None, split: pa.Array | int = BY_HASH
) -> pa.RecordBatch:
    """A batch of lines of ``SCHEMA``; a missing label column is all nulls."""
    count = len(text)
    labels = pa.nulls(count, pa.large_string()) if label is None else label
    splits = pa.array([split] * count, pa.int8()) if isinstance(split, int) else split
    return pa.record_batch([text, labels, splits, row], schema=SCHEMA)


def of_rows(rows: Iterable[tuple[int, str | None, str | None]], split: int = BY_HASH) -> Iterator[pa.RecordBatch]:
    """Record batches of (row number, text, label) triples."""
    block: list[tuple[int, str | None, str | None]] = []
    for item in rows:
        block.append(item)
        if len(block) == BLOCK:
            yield _block(block, split)
            block = []
    if block:
        yield _block(block, split)


def _block(block: list[tuple[int, str | None, str | None]], split: int) -> pa.RecordBatch:
    numbers, texts, labels = zip(*block, strict=True)
    # A lone surrogate cannot be written as UTF-8; passed on, the check of lines names its row.
    text = [t if t is None else t.encode("utf-8", "surrogatepass") for t in texts]
    return record_batch(
        pa.array(text, pa.large_binary()),
        pa.array(numbers, pa.int64()),
        pa.array(labels, pa.large_string()),
        split,
    )
