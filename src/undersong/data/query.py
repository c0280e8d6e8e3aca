"""The query that every preparation runs: lines to words, their split, and why a line is left out.

Written for `daft`, so that it runs embedded here or on a Ray cluster (there without a gate, and with the parts of a
source in the order in which they are done). Its columns are ``words`` (list of strings), ``split`` (0 train, 1 valid,
2 test), ``label`` (as written, or null) and ``skipped`` (a reason, or null for lines kept). The split of a line is
``xxh64`` of its words joined by spaces, lower-cased: the same words always fall into the same split, whatever their
case. Lines of a treebank also have ``annotated`` (whether their annotation is to be kept) and the columns of
``ANNOTATED``.

Three things are tuned: steps of 8192 lines keep memory flat, functions hand back Arrow's own lists (Python lists are
slow and grow), and errors travel as rows (an exception would arrive as daft's own, without its kind). Lines left out
stay in the result, marked, so that whoever counts the result knows how far the query is.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import daft
import pyarrow as pa
import pyarrow.compute as pc
from daft import DataType, col, lit
from daft.functions import coalesce, when
from daft.functions import hash as stable_hash
from daft.io.source import DataSource, DataSourceTask
from daft.recordbatch import RecordBatch
from daft.runners import get_or_infer_runner_type

from undersong.data.corpora.source import ANNOTATED, BY_HASH, SCHEMA, Part, Source, checked
from undersong.data.encoding import Encoder
from undersong.data.splitting import given_words, split_words
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
        given: splits that the source itself names; the others are taken, by hash, from lines of train and from those
            that say nothing, which belong to train else.
        skip_invalid: whether lines that are not text are left out, instead of an error.
        annotated: share of the training lines of a treebank that keep their annotation.
    """

    min_words: int
    max_words: int
    lowercase: bool
    splits: tuple[float, float, float]
    given: frozenset[int]
    skip_invalid: bool
    annotated: float = 1.0


class Gate:
    """Holds a source back while the query is too far behind it.

    daft (0.7) reads a source written in Python to its end, however slowly the rest of the query follows, so that a
    corpus would be held in memory. The gate counts lines read and lines that have left the query. It gives way after a
    second without movement: a query that waits for more lines to fill a step must never wait for ever.
    """

    def __init__(self, ahead: int = 12 * STEP) -> None:
        self.ahead, self.read, self.done = ahead, 0, 0
        self.ended = False  # whether the source has been read to its end

    async def enter(self, lines: int) -> None:
        """Wait until that many lines may be read."""
        last, waited = self.done, 0.0
        while self.read - self.done > self.ahead and waited < 1.0:
            await asyncio.sleep(0.002)
            waited = waited + 0.002 if self.done == last else 0.0
            last = self.done
        self.read += lines


def own_gate() -> Gate | None:
    """A gate where the query runs in this process; none on a Ray cluster, whose workers would wait on copies of it."""
    return None if get_or_infer_runner_type() == "ray" else Gate()


class _Lines(DataSource):
    """A source's parts as daft reads them, in their order.

    Args:
        source: the parts.
        skip_invalid: mark lines that are not text as skipped.
        gate: where the query runs in this process, holds it back; all parts are then one task. Without it each part is
            a task of its own, for a cluster.
    """

    def __init__(self, source: Source, skip_invalid: bool, gate: Gate | None) -> None:
        self.source, self.skip_invalid, self.gate = source, skip_invalid, gate

    @property
    def name(self) -> str:
        return "lines"

    @property
    def schema(self) -> daft.Schema:
        return daft.Schema.from_pyarrow_schema(self.source.schema)

    async def get_tasks(self, pushdowns: Any) -> AsyncIterator[DataSourceTask]:
        if self.gate is not None:
            yield _Parts(self.source, self.source.parts, self.skip_invalid, self.gate)
            return
        for part in self.source.parts:
            yield _Parts(self.source, [part], self.skip_invalid, None)


class _Parts(DataSourceTask):
    def __init__(self, source: Source, parts: list[Part], skip_invalid: bool, gate: Gate | None) -> None:
        self.arrow, self.parts, self.skip_invalid, self.gate = source.schema, parts, skip_invalid, gate

    @property
    def schema(self) -> daft.Schema:
        return daft.Schema.from_pyarrow_schema(self.arrow)

    async def read(self) -> AsyncIterator[RecordBatch]:
        for part in self.parts:
            try:
                for batch in part.read():
                    if self.gate is not None:
                        await self.gate.enter(len(batch))
                    yield _to_daft(checked(part, batch, self.skip_invalid), self.arrow)
            except Exception as error:  # any other would be lost in daft, or end the query as if nothing were left
                yield _to_daft(failure(_said(part, error), self.arrow), self.arrow)
                return
        if self.gate is not None:
            self.gate.ended = True


def _said(part: Part, error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    what = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return f"{part.name} cannot be read ({what}): see that it is whole, and the columns those that you mean."


def _to_daft(batch: pa.RecordBatch, schema: pa.Schema) -> RecordBatch:
    return RecordBatch.from_arrow_record_batches([batch], schema)


def failure(message: str, schema: pa.Schema = SCHEMA) -> pa.RecordBatch:
    """A row that carries an error."""
    text = message.encode("utf-8", "backslashreplace")  # the name of a file need not be UTF-8
    row = {"split": pa.array([FAILED], pa.int8()), "skipped": pa.array([text], pa.large_string())}
    return pa.record_batch([row.get(field.name, pa.nulls(1, field.type)) for field in schema], schema=schema)


def lines(source: Source, rules: Rules, gate: Gate | None = None) -> daft.DataFrame:
    """The query over a source's lines, unevaluated; see the module for its columns."""
    lowercase = rules.lowercase
    words_of = given_words if source.annotations else split_words

    @daft.func.batch(return_dtype=DataType.list(DataType.string()))
    def to_words(text: daft.Series) -> pa.Array:
        return words_of(text.to_arrow().cast(pa.large_binary()), lowercase)

    count: Any = col("words").list_count()
    reason = (
        when(count == 0, lit("no words"))
        .when(count < rules.min_words, lit(f"fewer than {rules.min_words} words"))
        .when(count > rules.max_words, lit(f"more than {rules.max_words} words"))
        .otherwise(lit(None).cast(DataType.string()))
    )
    found = (
        _Lines(source, rules.skip_invalid, gate)
        .read()
        .with_column("words", to_words(col("text")))
        .with_column("skipped", coalesce(col("skipped"), reason))
        .with_column("split", _split(rules))
    )
    if not source.annotations:
        return found.select("words", "split", "label", "skipped")
    found = found.with_column("annotated", _annotated(rules))
    return found.select("words", "split", "label", "skipped", "annotated", *ANNOTATED.names)


def encoded(source: Source, rules: Rules, encoder: Encoder, gate: Gate | None = None) -> daft.DataFrame:
    """The same query with ``ids`` (list of word ids) in place of ``words``."""

    @daft.func.batch(return_dtype=DataType.list(DataType.uint32()))
    def to_ids(words: daft.Series) -> pa.Array:
        return encoder(words.to_arrow())

    found = lines(source, rules, gate).with_column("ids", to_ids(col("words")))
    return found.select("ids", *(name for name in found.column_names if name not in ("words", "ids")))


def splits_said(source: Source, skip_invalid: bool) -> frozenset[int]:
    """The splits that a source's lines say they belong to; for sources that tell in no other way."""
    gate = own_gate()
    found: set[int] = set()
    for batch in run(_Lines(source, skip_invalid, gate).read().select("split", "skipped"), gate):
        found.update(batch.column("split").unique().to_pylist())
    return frozenset(found - {BY_HASH})


def _split(rules: Rules) -> daft.Expression:
    """Where a line belongs: where it says; those of train, or that say nothing, are shared with splits not given."""
    said = col("split")
    carved = _by_hash(key_of(rules), {0, 1, 2} - (rules.given - {0}), rules.splits)
    return when((said == BY_HASH) | (said == 0), carved).otherwise(said)


def _annotated(rules: Rules) -> Any:
    """Whether a line keeps its annotation: all of valid and test do, of train a share, by a hash of its own."""
    if rules.annotated >= 1:
        return lit(True)
    held_out: Any = col("split") != 0
    return held_out | (key_of(rules, seed=1) < lit(round(rules.annotated * 2**64)).cast(DataType.uint64()))


def key_of(rules: Rules, seed: int = 0) -> Any:
    """A number that the same words always have, in capitals or not."""
    text: Any = col("words").list_join(" ")
    return stable_hash(text if rules.lowercase else text.lower(), seed=seed, hash_function="xxhash64")


def _by_hash(key: daft.Expression, among: set[int], splits: tuple[float, float, float]) -> daft.Expression:
    """One of the splits, in the proportion of their shares."""
    total = sum(splits[i] for i in among)
    *others, last = sorted(among)
    below = accumulate(splits[i] for i in others)
    chosen = lit(last).cast(DataType.int8())
    for split, share in reversed(list(zip(others, below, strict=True))):
        bound = lit(min(round(share / total * 2**64), 2**64 - 1)).cast(DataType.uint64())
        chosen = when(key < bound, lit(split).cast(DataType.int8())).otherwise(chosen)
    return chosen


def run(query: daft.DataFrame, gate: Gate | None) -> Iterator[pa.RecordBatch]:
    """The batches of a query's result, one by one, in the order of the source where it runs here.

    Args:
        query: any of this module.
        gate: the one that the query's source was given, if any.

    Raises:
        UserError: the source could not be read, or not to its end.
    """
    for talk in ("DAFT_PROGRESS_BAR", "DAFT_SHOW_QUERY_ID"):  # at a terminal, over our own bars
        os.environ.setdefault(talk, "0")
    with daft.execution_config_ctx(default_morsel_size=STEP, maintain_order=True):
        for batch in query.to_arrow_iter():
            raise_failure(batch)
            yield batch
            if gate is not None:
                gate.done += len(batch)
    if gate is not None and not (gate.ended and gate.done == gate.read):
        # daft takes SIGINT for itself, and ends as if nothing were left where no KeyboardInterrupt comes of it.
        raise UserError(f"The source was not read to its end (line {gate.done:,}), as after an interrupt: start again.")


def raise_failure(batch: pa.RecordBatch) -> None:
    """Raise the error that a row carries, if one does.

    Raises:
        UserError: the first error in the batch.
    """
    failed = batch.filter(pc.equal(batch.column("split"), FAILED))
    if len(failed):
        raise UserError(failed.column("skipped")[0].as_py())
