"""Corpora are prepared once, of the size asked for, and what cannot be had is told and left."""

import csv
import gzip
import io
import lzma
import tarfile
from collections import Counter
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from undersong.data.store import SPLITS, Corpus
from undersong.reproduce.corpora import corpora

LETTERS = "abcdefgh"
KNOWN = {f"The {a} {b} isn't {c}'s own.": a for a in LETTERS for b in LETTERS for c in LETTERS}
LINES = [*KNOWN.items(), *((f"{n} short", "a") for n in range(300))]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UNDERSONG_DATA", str(tmp_path))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    with open(tmp_path / "lines.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "class"), *LINES])
    return tmp_path / "lines.csv"


def made(settings: dict, heard: list[str]) -> Corpus:
    return Corpus.open(corpora({"letters": settings}, heard.append)["letters"])


def sentences(corpus: Corpus) -> dict[str, list[str]]:
    return {name: [" ".join(split.words(i)) for i in range(len(split))] for name, split in splits(corpus).items()}


def splits(corpus: Corpus) -> dict:
    return {name: getattr(corpus, name) for name in SPLITS}


def test_so_many_of_each_split_are_taken_and_always_the_same(table: Path) -> None:
    settings = {"source": str(table), "text_column": "text", "label_column": "class", "splits": (0.6, 0.2, 0.2)}
    heard: list[str] = []
    whole = sentences(made(settings, heard))
    corpus = made(settings | {"take": {"train": 100, "valid": 20, "test": 30}}, heard)
    taken = sentences(corpus)
    assert {name: len(found) for name, found in taken.items()} == {"train": 100, "valid": 20, "test": 30}
    for name in SPLITS:  # in the order of the source, and from no other split
        assert taken[name] == [s for s in whole[name] if s in set(taken[name])]
    again = made(settings | {"take": {"train": 100, "valid": 20, "test": 30}, "vocabulary": 2000}, heard)
    assert sentences(again) == taken
    fewer = sentences(made(settings | {"take": {"train": 50}}, heard))
    assert set(fewer["train"]) < set(taken["train"])
    assert fewer["test"] == whole["test"]
    assert [line.split(" (")[0] for line in heard] == ["Preparing the corpus letters"] * 4


def test_what_is_taken_keeps_its_words_and_its_class_and_makes_the_vocabulary(table: Path) -> None:
    settings = {"source": str(table), "text_column": "text", "label_column": "class", "take": {"train": 60}}
    corpus = made(settings, [])
    known = {line.lower().replace(".", " ."): a for line, a in KNOWN.items()}
    assert corpus.label_names is not None
    for split in splits(corpus).values():
        assert [known[" ".join(split.words(i))] for i in range(len(split))] == [
            corpus.label_names[label] for label in split.labels
        ]
    used = Counter(word for i in range(len(corpus.train)) for word in corpus.train.words(i))
    assert corpus.vocab_size == 4 + len(used)


def test_a_corpus_that_is_too_small_is_taken_whole_and_that_is_told(table: Path) -> None:
    heard: list[str] = []
    settings = {"source": str(table), "text_column": "text", "splits": (0.8, 0.1, 0.1), "take": {"train": 1000}}
    corpus = made(settings, heard)
    assert sum(map(len, splits(corpus).values())) == len(KNOWN)
    assert heard[1:] == [
        f"The corpus letters has {1000 - len(corpus.train)} fewer train sentences than the 1,000 asked for"
    ]


def test_a_sample_of_many_lines_is_that_of_all_of_them_at_once(tmp_path: Path) -> None:
    """Lines come in blocks, and what cannot be among the lowest is dropped between them."""
    lines = [" ".join(f"{number:05}") for number in range(30_000)]
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    settings = {"source": str(tmp_path / "lines.txt"), "splits": (1.0, 0.0, 0.0)}
    few, many = (sentences(made(settings | {"take": {"train": size}}, []))["train"] for size in (100, 25_000))
    assert (len(few), len(many)) == (100, 25_000)
    assert few == [line for line in many if line in set(few)]


def test_a_corpus_is_prepared_once(table: Path) -> None:
    heard: list[str] = []
    settings = {"source": str(table), "text_column": "text"}
    first = made(settings, heard).folder
    before = (first / "corpus.json").stat().st_mtime_ns
    assert made(settings, heard).folder == first
    assert heard == ["Preparing the corpus letters (once)"]
    assert (first / "corpus.json").stat().st_mtime_ns == before


def test_word_vectors_that_an_interruption_left_out_are_written_later(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module("undersong.reproduce.corpora")
    settings = {"source": str(table), "text_column": "text", "vectors": {"size": 3}}

    def stopped(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_vectors", stopped)
        with pytest.raises(KeyboardInterrupt):
            made(settings, [])
    assert (made(settings, []).folder / module.VECTORS).exists()


def test_a_source_that_was_cut_is_left_out_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "cut.tsv.xz").write_bytes(lzma.compress(b"sentence\nsome words\n" * 500)[:-20])
    (tmp_path / "cut.tsv.gz").write_bytes(gzip.compress(b"sentence\nsome words\n" * 500)[:-20])
    (tmp_path / "gum").mkdir()
    (tmp_path / "gum" / "splits.md").write_text("## dev\n * GUM_a\n")
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(100_000))
        tar.add(tmp_path / "noise", "const/GUM_a.ptb")
    (tmp_path / "gum" / "gum.tar.xz").write_bytes(lzma.compress(whole.getvalue())[:50_000])
    heard: list[str] = []
    wanted = {"xz": {"files": ["cut.tsv.xz"]}, "gz": {"files": ["cut.tsv.gz"]}, "gum": {"gum": "const"}}
    assert corpora(wanted, heard.append) == {}
    assert sum("is left out" in line and "is not a complete" in line for line in heard) == 3
    assert list((tmp_path / "cache" / "undersong" / "corpora").iterdir()) == []


def test_every_nth_line_of_several_files_under_one_header(tmp_path: Path) -> None:
    for name, numbers in (("a.tsv.gz", range(1, 21)), ("b.tsv.gz", range(21, 41))):
        rows = [f"line number {n} is of five words\t{n % 2}\n" for n in numbers]
        (tmp_path / name).write_bytes(gzip.compress("".join(["sentence\tclass\n", *rows]).encode()))
    settings = {"files": ["a.tsv.gz", "b.tsv.gz"], "text_column": "sentence", "every": 5, "splits": (1.0, 0.0, 0.0)}
    found = sentences(made(settings, []))["train"]
    assert [int(line.split()[2]) for line in found] == [5, 10, 15, 20, 25, 30, 35, 40]


def test_what_cannot_be_had_is_told_and_the_rest_is_there(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDERSONG_DATA")
    heard: list[str] = []
    wanted = {
        "letters": {"source": str(table), "text_column": "text"},
        "files": {"files": ["a.tsv.gz"]},
        "nothing": {"source": "/nowhere"},
        "taken": {"source": "/nowhere", "take": {"train": 3}},
    }
    assert list(corpora(wanted, heard.append)) == ["letters"]
    told = [line for line in heard if "is left out" in line]
    assert len(told) == 3
    assert "set UNDERSONG_DATA" in told[0]
    assert all("no source '/nowhere'" in line for line in told[1:])
