"""Treebanks as corpora: what `prepare` keeps of their annotation, and what it says of what it cannot keep."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from tests.data.conftest import sentences
from tests.data.treebanks import TAGS, annotated, conllu, whole

from undersong.cli import main
from undersong.data.corpora.annotated import Sentence
from undersong.data.corpora.brackets import write_trees
from undersong.data.corpora.conllu import write_conllu
from undersong.data.prepare import prepare
from undersong.data.store import Corpus, Split
from undersong.reproduce.gum import unpack_gum


def tags_of(corpus: Corpus, split: Split, row: int) -> list[str]:
    x = split.batch([row])
    assert x.tags is not None
    assert corpus.tag_names is not None
    return [corpus.tag_names[i] if i >= 0 else "?" for i in x.tags[0]]


def test_conllu_keeps_words_tags_and_heads(tmp_path: Path) -> None:
    text = "1\tNew York\tnew\tPROPN\tNNP\t_\t2\tx\t_\t_\n2\tIsn't\tbe\tAUX\t_\t_\t0\tx\t_\t_\n\n"
    (tmp_path / "a.conllu").write_text("\ufeff" + text, encoding="utf-8")
    corpus = whole(tmp_path / "a.conllu", tmp_path)
    assert corpus.train.words(0) == ["new york", "isn't"]
    assert corpus.tag_names == ["AUX", "PROPN"]
    assert corpus.span_names == []
    x = corpus.train.batch([0])
    assert x.heads is not None
    assert (tags_of(corpus, corpus.train, 0), x.heads.tolist(), x.spans) == (["PROPN", "AUX"], [[2, 0]], None)
    other = whole(tmp_path / "a.conllu", tmp_path, text_column="upos", tag_column="xpos", lowercase=False)
    assert other.train.words(0) == ["PROPN", "AUX"]
    assert tags_of(other, other.train, 0) == ["NNP", "?"]
    assert other.hash != corpus.hash
    assert other.info["settings"] | {"text_column": "upos", "tag_column": "xpos"} == other.info["settings"]


def test_trees_keep_words_tags_and_constituents(tmp_path: Path) -> None:
    (tmp_path / "a.mrg").write_text(write_trees(annotated(["the dog sees (", "bird"])))
    corpus = whole(tmp_path / "a.mrg", tmp_path)
    assert corpus.train.words(0) == ["the", "dog", "sees", "("]
    assert (corpus.span_names, corpus.tag_names) == (["NP", "S"], ["DET", "NOUN", "VERB"])
    x = corpus.train.batch([0, 1])
    assert x.heads is None
    assert x.spans is not None
    assert x.spans.tolist() == [[[0, 4, 1], [2, 4, 0]], [[0, 1, 1], [-1, -1, -1]]]
    tags = whole(tmp_path / "a.mrg", tmp_path, text_column="xpos")
    assert tags.train.words(0) == ["det", "noun", "verb", "noun"]


def test_blocks_splits_and_vocabulary_are_those_of_plain_text(tmp_path: Path) -> None:
    """The same sentences as text and as a treebank: the same corpus, with annotation beside."""
    lines = sentences(9_000)
    (tmp_path / "a.txt").write_text("\n".join(lines))
    plain = prepare(str(tmp_path / "a.txt"), out=tmp_path / "plain", show_progress=False)
    bank = prepare(str(conllu(tmp_path / "a.conllu", lines)), out=tmp_path / "bank", show_progress=False)
    assert plain.tokenizer.vocab == bank.tokenizer.vocab
    for name in ("train", "valid", "test"):
        one, two = getattr(plain, name), getattr(bank, name)
        assert np.array_equal(one.flat, two.flat)
        assert np.array_equal(one.offsets, two.offsets)
        assert one.tags is None
        assert two.heads.tolist() == list(range(6)) * len(two)
    for row in (0, 8_000, len(bank.train) - 1):
        assert tags_of(bank, bank.train, row) == [TAGS.get(word, "NOUN") for word in bank.train.words(row)]
    assert "tag_names" not in plain.info
    assert "punctuation" not in plain.info["settings"]


@pytest.mark.parametrize("layout", ["begins", "ends", "folders"])
def test_splits_by_name(layout: str, tmp_path: Path) -> None:
    lines = sentences(30)
    for split, part in {"train": lines[:20], "dev": lines[20:25], "test": lines[25:]}.items():
        ends, folders = f"en_x-ud-{split}.conllu", f"bank/{split}/doc_test.conllu"
        name = {"begins": f"{split}.conllu", "ends": ends, "folders": folders}
        path = tmp_path / "in" / name[layout]
        path.parent.mkdir(parents=True, exist_ok=True)
        conllu(path, part)
    (tmp_path / "in" / "README.md").write_text("about")
    (tmp_path / "in" / "LICENSE.txt").write_text("terms")
    corpus = prepare(str(tmp_path / "in"), out=tmp_path / "out", show_progress=False)
    assert [len(split) for split in (corpus.train, corpus.valid, corpus.test)] == [20, 5, 5]
    assert corpus.info["given_splits"] == ["train", "valid", "test"]
    assert corpus.info["skipped"] == {"file of unknown kind": 2}


def test_punctuation_is_dropped_before_lengths_are_judged(tmp_path: Path) -> None:
    path = conllu(tmp_path / "a.conllu.gz", ["the dog . sees", ". .", "a . bird . finds", "the old tree of a river"])
    path.write_bytes(gzip.compress(path.read_bytes()))
    corpus = whole(path, tmp_path, punctuation="drop", max_words=3)
    assert [corpus.train.words(i) for i in range(len(corpus.train))] == [["the", "dog", "sees"], ["a", "bird", "finds"]]
    assert corpus.train.heads is not None
    assert corpus.train.heads.tolist() == [0, 1, 2, 0, 1, 2]
    assert corpus.info["skipped"] == {"more than 3 words": 1, "no words": 1}
    assert corpus.tag_names == ["DET", "NOUN", "VERB"]
    assert corpus.info["settings"]["punctuation"] == "drop"


def known(split: Split) -> set[str]:
    """The sentences of a split that have their annotation."""
    rows = range(len(split))
    assert split.tags is not None
    assert split.span_offsets is not None
    told = [set((split.tags[split.offsets[i] : split.offsets[i + 1]] >= 0).tolist()) for i in rows]
    assert all(len(one) == 1 for one in told)
    assert [one == {True} for one in told] == (np.diff(split.span_offsets) > 0).tolist()
    return {" ".join(split.words(i)) for i in rows if told[i] == {True}}


def test_a_share_of_training_keeps_its_annotation(tmp_path: Path) -> None:
    (tmp_path / "a.ptb").write_text(write_trees(annotated(sentences(2000))))
    (tmp_path / "b.ptb").write_text(write_trees(annotated(sentences(2000)[::-1])))

    def made(name: str, share: float) -> Corpus:
        out = tmp_path / f"{name}-{share}"
        return prepare(str(tmp_path / name), out=out, annotated=share, show_progress=False)

    some, more, other = made("a.ptb", 0.2), made("a.ptb", 0.6), made("b.ptb", 0.2)
    assert known(some.train) < known(more.train)
    assert known(some.train) == known(other.train)
    for corpus, share in ((some, 0.2), (more, 0.6)):
        assert len(known(corpus.valid)) == len(corpus.valid)
        assert len(known(corpus.test)) == len(corpus.test)
        found, count = len(known(corpus.train)) / len(corpus.train), len(corpus.train)
        assert abs(found - share) < 4 * (share * (1 - share) / count) ** 0.5
    assert not known(made("a.ptb", 0).train)
    assert np.array_equal(some.train.flat, more.train.flat)


def test_unusual_trees_are_counted(tmp_path: Path) -> None:
    rows = [
        Sentence(("a", "b", "c", "d"), ("X",) * 4, (3, 4, 0, 3)),
        Sentence(("a", "b"), ("X", "X"), (0, 0)),
        Sentence(("a", "b"), ("X", "Y"), (2, 1)),
        Sentence(("a", "b"), ("X", "X"), (0, 7)),
        Sentence(("a",) * 40, ("X",) * 40, (0,) * 40),  # too long: not counted
    ]
    (tmp_path / "a.conllu").write_text(write_conllu(rows))
    corpus = whole(tmp_path / "a.conllu", tmp_path)
    assert corpus.info["annotation"] == {
        "roots": 1,
        "nonprojective": 1,
        "cyclic": 1,
        "head outside the sentence": 1,
        "tags unseen in training": [],
    }
    assert corpus.train.heads is not None
    assert corpus.train.heads.tolist() == [3, 4, 0, 3, 0, 0, -1, -1, -1, -1]
    assert tags_of(corpus, corpus.train, 2) == ["X", "Y"]


def test_tags_unseen_in_training_are_kept_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, tag in (("train", "A"), ("dev", "B"), ("test", "A")):
        (tmp_path / f"{name}.conllu").write_text(write_conllu([Sentence(("a",), (tag,), (0,))]))
    corpus = prepare(str(tmp_path), out=tmp_path / "out", min_words=1)
    assert corpus.tag_names == ["A", "B"]
    assert tags_of(corpus, corpus.valid, 0) == ["B"]
    assert corpus.info["annotation"]["tags unseen in training"] == ["B"]
    assert capsys.readouterr().err.endswith("0 skipped; 2 tags (tags unseen in training: B)\n")


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(conllu(tmp_path / "a.conllu", ["the dog . sees"] * 3))
    words = ["prepare", path, "--out", str(tmp_path / "out"), "--min-words", "1", "--punctuation", "drop"]
    assert main([*words, "--text-column", "upos", "--splits", "[1,0,0]", "--annotated", "0.5"]) == 0
    assert Corpus.open(tmp_path / "out").train.words(0) == ["det", "noun", "verb"]
    with pytest.raises(SystemExit):
        main([*words, "--punctuation", "remove"])
    assert "punctuation" in capsys.readouterr().err


@pytest.mark.slow
def test_the_english_web_treebank(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "ud_english_ewt"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    corpus = prepare(str(folder), out=tmp_path / "all", min_words=1, max_words=1000, show_progress=False)
    assert [len(split) for split in (corpus.train, corpus.valid, corpus.test)] == [12_544, 2_001, 2_077]
    assert corpus.tag_names is not None
    assert len(corpus.tag_names) == 17
    assert [corpus.info["splits"][name]["tokens"] for name in ("train", "valid", "test")] == [204_577, 25_147, 25_094]
    short = prepare(
        str(folder), out=tmp_path / "short", text_column="upos", min_words=1, max_words=10, punctuation="drop",
        show_progress=False,
    )  # fmt: skip
    assert int(short.train.lengths.max()) == 10
    assert len(short.tokenizer) == 20
    assert short.train.heads is not None
    roots = np.add.reduceat(short.train.heads == 0, short.train.offsets[:-1])
    assert (roots > 0).all()


@pytest.mark.parametrize("kind", ["const", "dep"])
def test_gum(kind: str, shared_data: Path, tmp_path: Path) -> None:
    archive = shared_data / "gum" / "gum.tar.xz"
    if not archive.exists():
        pytest.skip(f"{archive} is absent")
    folder = unpack_gum(archive, shared_data / "gum" / "splits.md", kind, tmp_path / "gum")
    counts = {split: len(list((folder / split).iterdir())) for split in ("train", "dev", "test")}
    assert sum(counts.values()) == 108
    for path in (folder / "train").iterdir():  # a few documents will do
        if "GUM_news" not in path.name:
            path.unlink()
    corpus = prepare(str(folder), out=tmp_path / "out", punctuation="drop", min_words=1, max_words=40)
    assert all(len(split) > 100 for split in (corpus.train, corpus.valid, corpus.test))
    x = corpus.test.batch(range(50))
    assert x.tags is not None
    if kind == "const":
        assert corpus.span_names is not None
        assert {"NP", "VP", "S"} <= set(corpus.span_names)
        assert not [name for name in corpus.span_names if "-" in name]
        assert x.spans is not None
        assert int(x.spans[:, :, 1].max()) == int(x.lengths.max())
    else:
        assert x.heads is not None
        assert ((x.heads == 0).sum(1) >= 1).all()
