"""What every source of sentences looks like to ``prepare``: parts that yield record batches of lines.

A line is the bytes of a text, its label as written, the split it is said to belong to (-1 where none is), its row
number in its part, for error messages, and a reason to leave it out, if the source itself has one. Text and label are
bytes until ``checked`` has seen that they are text.

Knows nothing of words or vocabularies.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from undersong.errors import UserError

BY_HASH = -1  # a line whose source does not say its split
BLOCK = 8192  # lines in a record batch

SCHEMA = pa.schema(
    {
        "text": pa.large_binary(),
        "label": pa.large_string(),
        "split": pa.int8(),
        "row": pa.int64(),
        "skipped": pa.large_string(),
    }
)

_UNCHECKED = SCHEMA.set(1, pa.field("label", pa.large_binary()))

# What lines of a treebank carry too: tags and heads by word, two places and a label by constituent, what was unusual.
ANNOTATED = pa.schema(
    {
        "tags": pa.large_list(pa.large_string()),
        "heads": pa.large_list(pa.int32()),
        "spans": pa.large_list(pa.int32()),
        "span_labels": pa.large_list(pa.large_string()),
        "notes": pa.large_list(pa.large_string()),
    }
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
        read: opens it afresh and yields record batches of its source's schema, but for labels, which are bytes.
        unit: what its row numbers count, as errors call it.
    """

    name: str
    read: Callable[[], Iterator[pa.RecordBatch]]
    unit: str = "line"


@dataclass(frozen=True)
class Source:
    """Where the sentences come from.

    Attributes:
        parts: read one after the other.
        labelled: whether lines carry labels.
        label_names: the classes, where the source knows them beforehand; else they are those met, sorted.
        given: the splits that the source itself names, 0 train, 1 valid, 2 test; None if only its lines tell.
        skipped: what the source leaves out before any line is read, by reason.
        annotations: of a treebank, which of tags, heads and spans it has. Its lines then have the columns ``ANNOTATED``
            too, and their text is words parted by tabs.
    """

    parts: list[Part]
    labelled: bool = False
    label_names: list[str] | None = None
    given: frozenset[int] | None = frozenset()
    skipped: dict[str, int] = field(default_factory=dict)
    annotations: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """Of the record batches of its parts, once they are checked."""
        return pa.schema([*SCHEMA, *ANNOTATED]) if self.annotations else SCHEMA


def record_batch(
    text: pa.Array,
    row: pa.Array,
    label: pa.Array | None = None,
    split: pa.Array | int = BY_HASH,
    skipped: pa.Array | None = None,
) -> pa.RecordBatch:
    """A batch of lines not yet checked; a missing column is all nulls, and an empty label is an unknown one, null."""
    splits = pa.repeat(pa.scalar(split, pa.int8()), len(text)) if isinstance(split, int) else split
    unknown = pa.nulls(len(text), pa.large_binary())
    labels = unknown if label is None else pc.if_else(pc.equal(label, b""), unknown, label)
    reasons = pa.nulls(len(text), pa.large_string()) if skipped is None else skipped
    return pa.record_batch([text, labels, splits, row, reasons], schema=_UNCHECKED)


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
    return record_batch(_bytes(texts), pa.array(numbers, pa.int64()), _bytes(labels), split)


def _bytes(values: Iterable[str | None]) -> pa.LargeBinaryArray:
    # A lone surrogate cannot be written as UTF-8; passed on so, the check of lines names its row.
    found = [value if value is None else value.encode("utf-8", "surrogatepass") for value in values]
    return pa.array(found, pa.large_binary())


def checked(part: Part, batch: pa.RecordBatch, skip_invalid: bool) -> pa.RecordBatch:
    """The same lines, once they are known to be UTF-8 text without NUL bytes, their labels as strings.

    Args:
        part: where they come from, for the error.
        batch: the lines.
        skip_invalid: mark lines that are not text as skipped, instead of raising.

    Raises:
        UserError: a line is not text; names the line.
    """
    if _all_text(batch):
        return _replaced(batch, label=batch.column("label"))
    values, labels, skipped = (batch.column(name).to_pylist() for name in ("text", "label", "skipped"))
    for i, (value, label) in enumerate(zip(values, labels, strict=True)):
        reason = _fault(value, label)
        if reason is None:
            continue
        if not skip_invalid:
            row = batch.column("row")[i].as_py()
            raise UserError(
                f"{part.name}, {part.unit} {row}: {reason}. Correct it (is the file really UTF-8 text?), or leave such "
                f"lines out with --skip-invalid."
            )
        values[i], labels[i], skipped[i] = None, None, reason
    return _replaced(
        batch,
        text=pa.array(values, pa.large_binary()),
        label=pa.array(labels, pa.large_binary()),
        skipped=pa.array(skipped, pa.large_string()),
    )


def _replaced(batch: pa.RecordBatch, **columns: pa.Array) -> pa.RecordBatch:
    for name, values in columns.items():
        column = SCHEMA.field(name)
        batch = batch.set_column(batch.schema.get_field_index(name), column, values.cast(column.type))
    return batch


def _all_text(batch: pa.RecordBatch) -> bool:
    """Whether no line has a fault, found out faster than line by line."""
    # Parted by line ends, so that two halves of a character in two lines do not make a whole one.
    text, labels = (b"\n".join(batch.column(name).drop_null().to_pylist()) for name in ("text", "label"))
    return 0 not in text and _is_utf8(text) and _is_utf8(labels)


def _is_utf8(value: bytes) -> bool:
    if value.isascii():
        return True
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _fault(text: bytes | None, label: bytes | None) -> str | None:
    if text is not None and 0 in text:
        return "holds a NUL byte"
    if text is not None and not _is_utf8(text):
        return "is not valid UTF-8"
    if label is not None and not _is_utf8(label):
        return "has a label that is not valid UTF-8"
    return None


def sentences(batch: pa.RecordBatch, separator: str) -> pa.RecordBatch:
    """Lines cut into sentences at a separator; each keeps its line's label, split and row."""
    # A line without text stays one line, for the reason it carries.
    text = pc.fill_null(batch.column("text"), b"")
    pieces = pc.split_pattern(text, separator.encode())
    rows = pc.list_parent_indices(pieces)
    rest = batch.take(rows)
    return rest.set_column(0, SCHEMA.field("text"), pc.list_flatten(pieces))
