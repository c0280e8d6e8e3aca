"""What every source of sentences looks like to ``prepare``: parts that yield record batches of lines.

A line is the bytes of a text, its label as written, the split it is said to belong to (-1 where none is), its row
number in its part, for error messages, and a reason to leave it out, if the source itself has one. Text stays bytes
until ``checked`` has seen that it is text.

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
        read: opens it afresh and yields record batches of its source's schema.
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
        """Of the record batches of its parts."""
        return pa.schema([*SCHEMA, *ANNOTATED]) if self.annotations else SCHEMA


def record_batch(
    text: pa.Array,
    row: pa.Array,
    label: pa.Array | None = None,
    split: pa.Array | int = BY_HASH,
    skipped: pa.Array | None = None,
) -> pa.RecordBatch:
    """A batch of lines of ``SCHEMA``; a missing column is all nulls."""
    nulls = pa.nulls(len(text), pa.large_string())
    splits = pa.repeat(pa.scalar(split, pa.int8()), len(text)) if isinstance(split, int) else split
    columns = [text, nulls if label is None else label, splits, row, nulls if skipped is None else skipped]
    return pa.record_batch(columns, schema=SCHEMA)


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
    # A lone surrogate cannot be written as UTF-8; passed on so, the check of lines names its row.
    text = [t if t is None else t.encode("utf-8", "surrogatepass") for t in texts]
    label = pa.array(labels, pa.large_string())
    return record_batch(pa.array(text, pa.large_binary()), pa.array(numbers, pa.int64()), label, split)


def checked(part: Part, batch: pa.RecordBatch, skip_invalid: bool) -> pa.RecordBatch:
    """The same lines, once they are known to be UTF-8 text without NUL bytes.

    Args:
        part: where they come from, for the error.
        batch: the lines.
        skip_invalid: mark lines that are not text as skipped, instead of raising.

    Raises:
        UserError: a line is not text; names the line.
    """
    text = batch.column("text")
    if len(batch) == 0 or _is_text(b"".join(text.drop_null().to_pylist())):
        return batch
    values, skipped = text.to_pylist(), batch.column("skipped").to_pylist()
    for i, value in enumerate(values):
        reason = None if value is None else _fault(value)
        if reason is None:
            continue
        if not skip_invalid:
            row = batch.column("row")[i].as_py()
            raise UserError(
                f"{part.name}, {part.unit} {row}: {reason}. Correct it (is the file really UTF-8 text?), or leave such "
                f"lines out with --skip-invalid."
            )
        values[i], skipped[i] = None, reason
    marked = batch.set_column(0, SCHEMA.field("text"), pa.array(values, pa.large_binary()))
    place = batch.schema.get_field_index("skipped")
    return marked.set_column(place, SCHEMA.field("skipped"), pa.array(skipped, pa.large_string()))


def _is_text(block: bytes) -> bool:
    if 0 in block:
        return False
    if block.isascii():
        return True
    # Lines are checked one by one only where the block fails, so a character cut in two by a line end must fail here:
    # it does, since a line end is never inside a character.
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _fault(value: bytes) -> str | None:
    if 0 in value:
        return "holds a NUL byte"
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return "is not valid UTF-8"
    return None


def sentences(batch: pa.RecordBatch, separator: str) -> pa.RecordBatch:
    """Lines cut into sentences at a separator; each keeps its line's label, split and row."""
    # A line without text stays one line, for the reason it carries.
    text = pc.fill_null(batch.column("text"), b"")
    pieces = pc.split_pattern(text, separator.encode())
    rows = pc.list_parent_indices(pieces)
    rest = batch.take(rows)
    return rest.set_column(0, SCHEMA.field("text"), pc.list_flatten(pieces))
