"""Word vectors of a corpus: the counts behind them by hand, words of one class near each other, files read back."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from undersong.data import vectors
from undersong.data.batch import BOS, EOS
from undersong.data.store import Corpus
from undersong.data.tokens import Tokenizer
from undersong.data.vectors import read_vectors, vectors_of, write_vectors
from undersong.data.writer import SplitWriter
from undersong.errors import UserError


def store(folder: Path, sentences: list[list[int]], words: int) -> Corpus:
    """A corpus whose training split is ``sentences``."""
    folder.mkdir(parents=True)
    tokenizer = Tokenizer.of_words([f"w{i}" for i in range(words)])
    tokenizer.save(folder / "tokenizer.json")
    for name in ("train", "valid", "test"):
        writer = SplitWriter(folder / f"{name}.arrow", len(tokenizer), False)
        for sentence in sentences:
            writer.append(np.array(sentence), np.array([len(sentence)]), None)
        writer.close()
    info = {"hash": "small", "vocab_size": len(tokenizer), "labels": None, "settings": {"lowercase": True}}
    (folder / "corpus.json").write_text(json.dumps(info))
    return Corpus.open(folder)


def neighbours_by_hand(sentences: list[list[int]], vocab: int, window: int) -> np.ndarray:
    places = [d for d in range(-window, window + 1) if d]
    counts = np.zeros((vocab, len(places) * vocab))
    for sentence in sentences:
        edged = [BOS, *sentence, EOS]
        for t in range(1, len(edged) - 1):
            for column, d in enumerate(places):
                if 0 <= t + d < len(edged):
                    counts[edged[t], column * vocab + edged[t + d]] += 1
    return counts


@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("chunk", [3, 1_000_000])
def test_neighbours_are_counted_with_their_places(tmp_path, monkeypatch, window, chunk):
    monkeypatch.setattr(vectors, "CHUNK", chunk)
    sentences = [[4, 5, 6], [7], [5, 5, 4, 8, 9, 6], [9, 8]]
    corpus = store(tmp_path / "corpus", sentences, 6)
    pairs, counts = vectors._neighbours(corpus.train, 10, window)
    assert np.array_equal(pairs.toarray(), neighbours_by_hand(sentences, 10, window))
    assert counts.tolist() == [0, 0, 0, 0, 2, 3, 2, 1, 2, 2]


def test_words_of_one_class_are_near_each_other(tmp_path):
    rng = np.random.default_rng(0)
    classes = [(rng.integers(4) + np.arange(6)) % 4 for _ in range(400)]
    sentences = [(4 + 10 * c + rng.integers(10, size=6)).tolist() for c in classes]
    corpus = store(tmp_path / "corpus", sentences, 40)
    found = vectors_of(corpus.train, 44, size=8)
    used = found.vectors[4:] / np.linalg.norm(found.vectors[4:], axis=1, keepdims=True)
    cosine = used @ used.T - 2 * np.eye(40)
    assert (cosine.argmax(1) // 10 == np.arange(40) // 10).mean() > 0.95
    assert np.isclose((found.counts[:, None] * found.vectors**2).sum() / (found.counts.sum() * 8), 1.0)
    assert not found.vectors[:4].any()


def test_a_file_is_read_back_and_the_same_seed_gives_the_same(tmp_path):
    rng = np.random.default_rng(0)
    store(tmp_path / "corpus", [rng.integers(4, 14, 6).tolist() for _ in range(50)], 10)
    one = read_vectors(write_vectors(tmp_path / "corpus", out=tmp_path / "a" / "one.safetensors", size=5), 14)
    two = read_vectors(write_vectors(tmp_path / "corpus", out=tmp_path / "two.safetensors", size=5), 14)
    assert np.array_equal(one.vectors, two.vectors)
    assert one.vectors.shape == (14, 5)
    assert one.counts.sum() == 300
    with safe_open(tmp_path / "two.safetensors", framework="numpy") as file:
        assert json.loads(file.metadata()["about"])["corpus"] == "small"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("size", 0), ("size", 14), ("window", 0)],
        *[("shift", shift) for shift in (0.0, -1.0, float("nan"), float("inf"))],
    ],
)
def test_settings_that_make_no_sense_are_refused_before_anything_is_written(tmp_path, option, value):
    store(tmp_path / "corpus", [[4, 5]], 10)
    with pytest.raises(UserError, match=rf"{option} (is )?{value}: "):
        write_vectors(tmp_path / "corpus", out=tmp_path / "new" / "out.safetensors", **{"size": 3, option: value})
    assert not (tmp_path / "new").exists()


def test_a_file_of_another_kind_is_never_replaced(tmp_path):
    store(tmp_path / "corpus", [[4, 5, 6], [7, 8]], 10)
    (tmp_path / "mine.csv").write_text("a b c\n")
    with pytest.raises(UserError, match=r"mine\.csv does not end in \.safetensors"):
        write_vectors(tmp_path / "corpus", out=tmp_path / "mine.csv", size=3)
    assert (tmp_path / "mine.csv").read_text() == "a b c\n"


@pytest.mark.parametrize("seed", [0, -1, 2**70])
def test_one_line_says_what_was_written(tmp_path, capsys, seed):
    store(tmp_path / "corpus", [[4, 5, 6], [7, 8]], 10)
    out = write_vectors(tmp_path / "corpus", out=tmp_path / "v.safetensors", size=3, seed=seed)
    assert capsys.readouterr() == ("", f"{out}: 14 words, 3 dimensions\n")
