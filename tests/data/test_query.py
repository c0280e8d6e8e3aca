"""The query without its gate, as it runs on a cluster: the same rows in the same order, from what can be sent there."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import daft
import daft.runners
import pyarrow as pa
import pytest
from daft.pickle import dumps, loads
from tests.data.conftest import sentences

from undersong.data import query
from undersong.data.corpora.find import find_source
from undersong.data.corpora.source import Part, Source, of_rows
from undersong.data.corpora.tables import Columns
from undersong.data.corpora.treebank import Treebank
from undersong.data.encoding import Encoder, PieceEncoder, WordEncoder
from undersong.data.prepare import prepare
from undersong.data.query import Gate, Rules, encoded, lines, own_gate, run
from undersong.data.tokens import Tokenizer
from undersong.errors import UserError

RULES = Rules(5, 30, True, (0.9, 0.05, 0.05), frozenset(), False)
WORDS = Tokenizer.of_words(sorted({word for line in sentences(300) for word in line.split()}))
PIECES = Tokenizer.train_bpe(sentences(300), 300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, so three tasks of a cluster; some lines are left out."""
    place = tmp_path / "many"
    place.mkdir()
    lines = [line if i % 7 else "too short" for i, line in enumerate(sentences(30_000))]
    for part in range(3):
        text = "\n".join(lines[part * 10_000 : (part + 1) * 10_000]) + "\n"
        (place / f"{part}.txt").write_text(text, encoding="utf-8")
    return place


def source(folder: Path) -> Source:
    return find_source(str(folder), Columns(), None, Treebank(None, False))


def rows(found: Source, encoder: Encoder, gate: Gate | None) -> pa.Table:
    return pa.Table.from_batches(run(encoded(found, RULES, encoder, gate), gate))


@pytest.mark.parametrize("encoder", [WordEncoder(WORDS), PieceEncoder(PIECES)], ids=["words", "byte pairs"])
def test_without_a_gate_the_rows_are_the_same(encoder: Encoder, folder: Path) -> None:
    held = rows(source(folder), encoder, Gate())
    assert len(held) == 30_000
    assert held["skipped"].null_count == 30_000 - 4286
    assert rows(source(folder), encoder, None).equals(held)


def test_what_a_cluster_is_sent_can_be_sent_and_reads_the_same(folder: Path) -> None:
    async def read(task: query._Parts) -> list[pa.RecordBatch]:
        return [batch.to_arrow_table() async for batch in task.read()]

    async def tasks() -> list[query._Parts]:
        return [task async for task in query._Lines(source(folder), False, None).get_tasks(None)]  # type: ignore[misc]

    here = asyncio.run(tasks())
    assert len(here) == 3
    for task in here:
        sent = pa.concat_tables(asyncio.run(read(loads(dumps(task)))))
        assert len(sent) == 10_000
        assert sent.equals(pa.concat_tables(asyncio.run(read(task))))
    lines = pa.array([["the", "dog", "xylophone"], []], pa.large_list(pa.large_string()))
    for encoder in (WordEncoder(WORDS), PieceEncoder(PIECES)):
        assert loads(dumps(encoder))(lines).equals(encoder(lines))


@pytest.mark.parametrize("error", [KeyError("y"), ValueError("two\nlines"), OSError(5, "Input/output error")])
def test_whatever_a_reader_raises_is_an_error_that_names_the_part(error: Exception) -> None:
    def read() -> Iterator[pa.RecordBatch]:
        yield from of_rows([(1, "the old dog sees a cat", None)])
        raise error

    found = Source([Part("caf\udce9.txt", read)])
    what = re.escape(f"{type(error).__name__}: {' '.join(str(error).split())}")
    with pytest.raises(UserError, match=rf"caf\\udce9\.txt cannot be read \({what}\): see that"):
        list(run(lines(found, RULES), None))


def test_there_is_a_gate_only_where_the_query_runs_here(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Ray a gate's copies never open: each block past the first steps would wait until it gives way."""
    assert daft.runners.get_or_infer_runner_type() == "native"
    assert isinstance(own_gate(), Gate)
    with_gate = prepare(str(folder), out=tmp_path / "here", show_progress=False).hash
    monkeypatch.setattr(query, "get_or_infer_runner_type", lambda: "ray")
    assert own_gate() is None

    def entered(*_: object) -> None:
        raise AssertionError("a gate was asked")

    monkeypatch.setattr(Gate, "enter", entered)
    assert prepare(str(folder), out=tmp_path / "there", show_progress=False).hash == with_gate
    assert prepare(str(folder), out=tmp_path / "pairs", bpe=True, vocabulary=300, show_progress=False).hash


def test_a_query_that_ends_before_its_source_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """daft takes SIGINT for itself: where Python makes no KeyboardInterrupt of it, the query just ends."""
    whole = daft.DataFrame.to_arrow_iter

    def cut(frame: daft.DataFrame) -> Iterator[pa.RecordBatch]:
        yield next(iter(whole(frame)))

    monkeypatch.setattr(daft.DataFrame, "to_arrow_iter", cut)
    with pytest.raises(UserError, match="not read to its end"):
        prepare(str(folder), out=folder.parent / "out", show_progress=False)
    assert not (folder.parent / "out").exists()
