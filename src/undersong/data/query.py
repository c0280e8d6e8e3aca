"""The query that every preparation runs: lines to words, their split, and why a line is left out.

Written for `daft`, so that it runs embedded here or on a Ray cluster. Its columns are ``words`` (list of strings),
``split`` (0 train, 1 valid, 2 test), ``label`` (as written, or null) and ``skipped`` (a reason, or null for lines kept).
The split of a line is ``xxh64`` of its words joined by spaces: the same words always fall into the same split.

Three things are tuned: steps of 8192 lines keep memory flat, functions hand back Arrow's own lists (Python lists are slow
and grow), and errors travel as rows (an exception would arrive as daft's own, without its kind).
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import daft
import pyarrow as pa
import pyarrow.compute as pc
from daft import DataType, col, lit
from daft.functions import coalesce, when
from daft.functions import hash as stable_hash
from daft.io.source import DataSource, DataSourceTask
from daft.recordbatch import RecordBatch

from undersong.data.corpora.source import BY_HASH, SCHEMA, Part, Source, checked, record_batch
from undersong.data.encoding import PieceEncoder, WordEncoder
from undersong.data.splitting import split_words
from undersong.data.tokens import Tokenizer
from undersong.errors import UserError

FAILED = -2  # the split of a row that carries an error in place of a sentence
STEP = 8192  # lines in a step of the query


@dataclass(frozen=True)
class Rules:
    """What makes a line a sentence of a split.

    Attributes:
        min_words, max_words: bounds of its length, both included.
        lowercase: whether its words are lower-cased.
        splits: shares of train, valid and test.
        given: splits that the source itself names; the others are taken from lines of train by hash.
        skip_invalid: whether lines that are not text are left out, instead of an error.
    """

    min_words: int
    max_words: int
    lowercase: bool
    splits: tuple[float, float, float]
    given: frozenset[int]
    skip_invalid: bool


class _Lines(DataSource):
    """A source's parts as daft reads them, in their order."""

    def __init__(self, source: Source, skip_invalid: bool) -> None:
        self.source, self.skip_invalid = source, skip_invalid

    @property
    def name(self) -> str:
        return "lines"

    @property
    def schema(self) -> daft.Schema:
        return daft.Schema.from_pyarrow_schema(SCHEMA)

    async def get_tasks(self, pushdowns: Any) -> AsyncIterator[DataSourceTask]:
        for part in self.source.parts:
            yield _Part(part, self.skip_invalid)


class _Part(DataSourceTask):
    def __init__(self, part: Part, skip_invalid: bool) -> None:
        self.part, self.skip_invalid = part, skip_invalid

    @property
    def schema(self) -> daft.Schema:
        return daft.Schema.from_pyarrow_schema(SCHEMA)

    async def read(self) -> AsyncIterator[RecordBatch]:
        try:
            for batch in self.part.read():
                yield _to_daft(checked(self.part, batch, self.skip_invalid))
        except UserError as error:
            yield _to_daft(failure(str(error)))


def _to_daft(batch: pa.RecordBatch) -> RecordBatch:
    return RecordBatch.from_arrow_record_batches([batch], SCHEMA)


def failure(message: str) -> pa.RecordBatch:
    """A row that carries an error."""
    text, row = pa.nulls(1, pa.large_binary()), pa.array([0], pa.int64())
    return record_batch(text, row, None, FAILED, pa.array([message], pa.large_string()))


def lines(source: Source, rules: Rules) -> daft.DataFrame:
    """The query over a source's lines, unevaluated; see the module for its columns."""
    lowercase = rules.lowercase

    @daft.func.batch(return_dtype=DataType.list(DataType.string()))
    def to_words(text: daft.Series) -> pa.Array:
        return split_words(text.to_arrow().cast(pa.large_binary()), lowercase)

    count = col("words").list_count()
    reason = (
        when(count == 0, lit("no words"))
        .when(count < rules.min_words, lit(f"fewer than {rules.min_words} words"))
        .when(count > rules.max_words, lit(f"more than {rules.max_words} words"))
        .otherwise(lit(None).cast(DataType.string()))
    )
    return (
        _Lines(source, rules.skip_invalid)
        .read()
        .with_column("words", to_words(col("text")))
        .with_column("skipped", coalesce(col("skipped"), reason))
        .with_column("split", _split(rules))
        .select("words", "split", "label", "skipped")
    )


def splits_said(source: Source, skip_invalid: bool) -> frozenset[int]:
    """The splits that a source's lines say they belong to; for sources that tell in no other way."""
    said = _Lines(source, skip_invalid).read().select("split", "skipped").where(col("split") != BY_HASH)
    found: set[int] = set()
    for batch in run(said):
        found.update(batch.column("split").unique().to_pylist())
    return frozenset(found)


def _split(rules: Rules) -> daft.Expression:
    """Where a line belongs: where it says, or by the hash of its words."""
    said = col("split")
    key = stable_hash(col("words").list_join(" "), hash_function="xxhash64")
    if not rules.given:
        return when(said == FAILED, said).otherwise(_by_hash(key, {0, 1, 2}, rules.splits))
    missing = {0, 1, 2} - rules.given
    if not missing or 0 in missing:
        return when(said == BY_HASH, lit(0).cast(DataType.int8())).otherwise(said)
    carved = _by_hash(key, {0} | missing, rules.splits)
    return when((said == BY_HASH) | (said == 0), carved).otherwise(said)


def _by_hash(key: daft.Expression, among: set[int], splits: tuple[float, float, float]) -> daft.Expression:
    """One of the splits, in the proportion of their shares."""
    total = sum(splits[i] for i in among)
    chosen: Any = None
    below = 0.0
    *others, last = sorted(among)
    for split in others:
        below += splits[split]
        bound = lit(min(round(below / total * 2**64), 2**64 - 1)).cast(DataType.uint64())
        number = lit(split).cast(DataType.int8())
        chosen = when(key < bound, number) if chosen is None else chosen.when(key < bound, number)
    return chosen.otherwise(lit(last).cast(DataType.int8()))


def tallied(source: Source, rules: Rules) -> daft.DataFrame:
    """The query of the first run: every line, for counting."""
    return lines(source, rules)


def kept_words(source: Source, rules: Rules) -> daft.DataFrame:
    """The words and split of lines kept."""
    return _kept(source, rules).select("words", "split", "skipped")


def encoded(source: Source, rules: Rules, tokenizer: Tokenizer) -> daft.DataFrame:
    """The query of the second run: ids, split and label of lines kept, in the source's order."""
    encoder = PieceEncoder(tokenizer) if tokenizer.is_bpe else WordEncoder(tokenizer)

    @daft.func.batch(return_dtype=DataType.list(DataType.uint32()))
    def to_ids(words: daft.Series) -> pa.Array:
        return encoder(words.to_arrow())

    return _kept(source, rules).with_column("ids", to_ids(col("words"))).select("ids", "split", "label", "skipped")


def _kept(source: Source, rules: Rules) -> daft.DataFrame:
    return lines(source, rules).where(col("skipped").is_null() | (col("split") == FAILED))


def run(query: daft.DataFrame) -> Iterator[pa.RecordBatch]:
    """The batches of a query's result, in order, one by one.

    Raises:
        UserError: the source could not be read.
    """
    with daft.execution_config_ctx(default_morsel_size=STEP, maintain_order=True):
        for batch in query.to_arrow_iter():
            raise_failure(batch)
            yield batch


def raise_failure(batch: pa.RecordBatch) -> None:
    """Raise the error that a row carries, if one does.

    Raises:
        UserError: the first error in the batch.
    """
    failed = batch.filter(pc.equal(batch.column("split"), FAILED))
    if len(failed):
        raise UserError(failed.column("skipped")[0].as_py())
