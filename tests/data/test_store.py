"""The store is mapped and opens at once; batches hold each sentence once, in an order that the seed decides."""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from undersong.data import Batch, Batches, Corpus
from undersong.data.noise import delete_words, keyed_uniform, word_dropout
from undersong.data.prepare import prepare
from undersong.data.store import Split
from undersong.data.tokens import Tokenizer
from undersong.data.writer import SplitWriter
from undersong.errors import UserError

TOKENIZER = Tokenizer.of_words([])


def split_of(path: Path, lengths: np.ndarray, vocab: int = 1000) -> Split:
    """A split of random words with these lengths, written in several pieces."""
    random = np.random.default_rng(0)
    writer = SplitWriter(path, vocab, labelled=True)
    for piece in np.array_split(lengths, 7):
        writer.append(random.integers(4, vocab, int(piece.sum())), piece, np.arange(len(piece)) % 3)
    writer.close()
    return Split.open(path, TOKENIZER)


@pytest.fixture
def split(tmp_path: Path) -> Split:
    return split_of(tmp_path / "a.arrow", np.random.default_rng(1).integers(5, 31, 5000))


@pytest.mark.parametrize(("vocab", "kind"), [(1 << 16, np.uint16), ((1 << 16) + 1, np.uint32)])
def test_what_is_written_is_read(vocab: int, kind: type, tmp_path: Path) -> None:
    lengths = np.array([3, 0, 1, 5, 2, 9, 4, 4])
    flat = np.random.default_rng(0).integers(4, vocab, int(lengths.sum()))
    writer = SplitWriter(tmp_path / "a.arrow", vocab, labelled=False)
    writer.append(flat[:4], lengths[:3], None)
    writer.append(flat[:0], lengths[:0], None)
    writer.append(flat[4:], lengths[3:], None)
    writer.close()
    found = Split.open(tmp_path / "a.arrow", TOKENIZER)
    assert found.flat.dtype == kind
    assert np.array_equal(found.flat, flat)
    assert found.lengths.tolist() == lengths.tolist()
    assert found.labels is None
    assert [p.name for p in tmp_path.iterdir()] == ["a.arrow"]
    table = pa.ipc.open_file(str(tmp_path / "a.arrow")).read_all()  # any Arrow reader will do
    table.validate(full=True)
    assert table["words"].to_pylist()[3] == flat[4:9].tolist()


def test_annotations_are_written_read_and_batched(tmp_path: Path) -> None:
    lengths, numbers = np.array([3, 1, 2]), np.array([6, 0, 3])
    annotation = {
        "tags": np.array([0, 1, -1, 2, 1, 1]),
        "heads": np.array([2, 0, 2, 0, -1, -1]),
        "spans": np.array([0, 3, 1, 0, 2, 0, 0, 2, 1]),
    }
    writer = SplitWriter(tmp_path / "a.arrow", 100, labelled=False, annotations=("tags", "heads", "spans"))
    writer.append(np.arange(6) + 4, lengths, None, annotation, numbers)
    writer.append(np.arange(0), np.arange(0), None, {name: np.arange(0) for name in annotation}, np.arange(0))
    writer.close()
    found = Split.open(tmp_path / "a.arrow", TOKENIZER)
    x = found.batch([2, 0, 1]).to("cpu")
    assert x.tags is not None
    assert x.heads is not None
    assert x.spans is not None
    assert x.tags.tolist() == [[1, 1, -1], [0, 1, -1], [2, -1, -1]]
    assert x.heads.tolist() == [[-1, -1, -1], [2, 0, 2], [0, -1, -1]]
    assert x.spans.tolist() == [[[0, 2, 1], [-1] * 3], [[0, 3, 1], [0, 2, 0]], [[-1] * 3, [-1] * 3]]
    assert {part.dtype for part in (x.tags, x.heads, x.spans)} == {torch.int64}
    nothing = found.batch([])
    assert nothing.spans is not None
    assert nothing.spans.shape == (0, 0, 3)
    assert found.batch([1]).spans.shape == (1, 0, 3)  # type: ignore[union-attr]
    assert [p.name for p in tmp_path.iterdir()] == ["a.arrow"]
    pa.ipc.open_file(str(tmp_path / "a.arrow")).read_all().validate(full=True)


def test_a_corpus_without_annotations_has_none(split: Split) -> None:
    x = split.batch([0]).to("cpu")
    assert x.tags is x.heads is x.spans is split.tags is split.spans is None


def test_an_empty_split(tmp_path: Path) -> None:
    SplitWriter(tmp_path / "a.arrow", 10, labelled=True).close()
    found = Split.open(tmp_path / "a.arrow", TOKENIZER)
    assert len(found) == len(Batches(found)) == 0
    assert list(Batches(found).epoch(0)) == list(Batches(found).in_order()) == []


def test_hash_does_not_depend_on_pieces(tmp_path: Path) -> None:
    def hashed(pieces: int) -> str:
        writer = SplitWriter(tmp_path / "a.arrow", 100, labelled=False)
        for piece in np.array_split(np.arange(60) % 90 + 4, pieces):
            writer.append(piece, np.ones(len(piece), int), None)
        return writer.close()

    assert hashed(1) == hashed(7)


def test_opening_is_quick_and_reads_nothing(tmp_path: Path) -> None:
    big = split_of(tmp_path / "a.arrow", np.full(500_000, 20))
    assert isinstance(big.flat.base, pa.Buffer) or not big.flat.flags.owndata
    before = pa.total_allocated_bytes()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        again = Split.open(tmp_path / "a.arrow", TOKENIZER)
        again.batch([499_999])
        seconds.append(time.perf_counter() - start)
    assert pa.total_allocated_bytes() - before < 1 << 20
    assert min(seconds) < 0.02


def test_a_batch_holds_the_sentences_asked_for(split: Split) -> None:
    rows = [17, 3, 4999]
    x = split.batch(rows)
    assert x.index.tolist() == rows
    for i, row in enumerate(rows):
        assert x.tokens[i, : x.lengths[i]].tolist() == split.ids(row).tolist()
        assert not x.tokens[i, x.lengths[i] :].any()
    assert x.labels is not None
    assert split.labels is not None
    assert x.labels.tolist() == split.labels[rows].tolist()
    assert x.tokens.shape[1] == x.lengths.max()


@pytest.mark.parametrize("bound", [{"sentences": 128}, {"tokens": 2000}, {}])
def test_an_epoch_holds_each_sentence_once(bound: dict[str, int], split: Split) -> None:
    batches = Batches(split, seed=3, **bound)
    for epoch in (0, 1):
        found = list(batches.epoch(epoch))
        assert len(found) == len(batches)
        assert sorted(torch.cat([x.index for x in found]).tolist()) == list(range(5000))
        padding = sum(x.tokens.numel() for x in found) / int(split.lengths.sum()) - 1
        assert padding < 0.03
        if "tokens" in bound:
            assert max(x.targets.numel() for x in found) <= 2000
        else:
            assert max(map(len, found)) == 128


def test_order_is_a_function_of_seed_and_epoch(split: Split) -> None:
    def order(seed: int, epoch: int, start: int = 0) -> list[list[int]]:
        return [x.index.tolist() for x in Batches(split, seed=seed).epoch(epoch, start)]

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 0)
    assert order(0, 1) != order(1, 1)
    assert order(0, 1, start=5) == order(0, 1)[5:]
    assert {tuple(sorted(b)) for b in order(0, 0)} != {tuple(sorted(b)) for b in order(0, 1)}
    lengths = [split.lengths[b[0]] for b in order(0, 0)]
    assert lengths != sorted(lengths)


def test_in_order(split: Split) -> None:
    for bound in ({"sentences": 77}, {"tokens": 900}):
        found = list(Batches(split, **bound).in_order())
        assert torch.cat([x.index for x in found]).tolist() == list(range(5000))


def test_bounds_must_make_sense(split: Split) -> None:
    with pytest.raises(ValueError, match="not by both"):
        Batches(split, sentences=1, tokens=1)
    with pytest.raises(ValueError, match="positive"):
        Batches(split, sentences=0)


def test_open_says_what_is_wrong(corpus_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no prepared corpus"):
        Corpus.open(tmp_path)
    prepare(str(corpus_file), out=tmp_path / "out")
    (tmp_path / "out" / "train.arrow").write_bytes(b"ARROW1")
    with pytest.raises(UserError, match="damaged"):
        _ = Corpus.open(tmp_path / "out").train
    for content in ("{", "[]", "{}"):
        (tmp_path / "out" / "corpus.json").write_text(content)
        with pytest.raises(UserError, match="damaged"):
            Corpus.open(tmp_path / "out")


def test_word_dropout_spares_start_and_padding() -> None:
    x = Batch.of([list(range(4, 54))] * 400 + [[7]])
    noisy = word_dropout(x.inputs, 0.3, torch.Generator().manual_seed(0))
    again = word_dropout(x.inputs, 0.3, torch.Generator().manual_seed(0))
    assert torch.equal(noisy, again)
    assert (noisy[:, 0] == 2).all()
    assert not noisy[-1, 2:].any()
    changed = (noisy != x.inputs)[:400, 1:]
    assert (noisy[:400, 1:][changed] == 1).all()
    share = float(changed.float().mean())
    assert abs(share - 0.3) < 4 * (0.3 * 0.7 / 20_000) ** 0.5
    assert torch.equal(word_dropout(x.inputs, 0.0), x.inputs)


def test_deletion_depends_on_the_sentence_not_on_its_batch() -> None:
    sentences = [list(range(4, 4 + n)) for n in (1, 9, 30, 17)]
    together = delete_words(Batch.of(sentences, index=[5, 6, 7, 8]), 0.3, seed=1)
    for i, sentence in enumerate(sentences):
        alone = delete_words(Batch.of([sentence], index=[5 + i]), 0.3, seed=1)
        kept = alone.tokens[0, : alone.lengths[0]].tolist()
        assert kept == together.tokens[i, : together.lengths[i]].tolist()
        assert not together.tokens[i, together.lengths[i] :].any()
        assert kept == sorted(kept)
        assert set(kept) <= set(sentence)
    assert together.lengths[0] == 1
    assert delete_words(Batch.of(sentences), 1.0, seed=0).lengths.tolist() == [1, 1, 1, 1]
    many = delete_words(Batch.of([list(range(4, 54))] * 400), 0.3, seed=0)
    share = 1 - int(many.lengths.sum()) / 20_000
    assert abs(share - 0.3) < 4 * (0.3 * 0.7 / 20_000) ** 0.5


def test_keyed_uniform_is_uniform_and_uncorrelated() -> None:
    u = keyed_uniform(0, np.arange(2000), 20)
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 4 * (1 / 12 / u.size) ** 0.5
    assert abs(np.corrcoef(u[:, 0], u[:, 1])[0, 1]) < 4 / 2000**0.5
    assert abs(np.corrcoef(u[:-1, 0], u[1:, 0])[0, 1]) < 4 / 2000**0.5
    assert not np.array_equal(u, keyed_uniform(1, np.arange(2000), 20))
