"""What is no treebank, or not all of one: an error in one sentence, and nothing left behind."""

import gzip
from pathlib import Path

import pytest
from tests.data.treebanks import annotated, conllu, whole

from undersong.data.corpora.conllu import write_conllu
from undersong.errors import UserError

GOOD = write_conllu(annotated(["the dog sees a bird"]))
BAD = {
    "empty": ("a.conllu", b"", {}, "is empty"),
    "empty trees": ("a.ptb", b"\n\n", {}, "is empty"),
    "columns": ("a.conllu", GOOD.encode() + b"1\ta\n", {}, r"a\.conllu, line 7 has 2 columns"),
    "no number": (
        "a.conllu",
        GOOD.encode().replace(b"2\tdog", b"_\tdog"),
        {},
        r"a\.conllu, line 2: '_' is not the number of a word",
    ),
    "empty number": ("a.conllu", GOOD.encode().replace(b"2\tdog", b"\tdog"), {}, "line 2: '' is not the number"),
    "unbalanced": ("a.ptb", b"(S (N a))\n(S (N b)", {}, "begins in line 2 is never closed"),
    "UTF-8": ("a.conllu", GOOD.encode().replace(b"dog", b"d\xffg"), {}, r"sentence at line 1: is not valid UTF-8"),
    "NUL": ("a.ptb", b"(S (N a\0))", {}, r"sentence at line 1: holds a NUL byte"),
    "text column": (
        "a.conllu",
        GOOD.encode(),
        {"text_column": "word"},
        "no text column 'word': give --text-column",
    ),
    "tag column": ("a.conllu", GOOD.encode(), {"tag_column": "pos"}, "no tag column 'pos'"),
    "tag of trees": ("a.ptb", b"(S (N a))", {"tag_column": "upos"}, "no tag column 'upos': give --tag-column xpos"),
    "labels": ("a.conllu", GOOD.encode(), {"label_column": "x"}, "no columns of labels"),
    "pieces": ("a.conllu", GOOD.encode(), {"bpe": True, "vocabulary": 300}, "leave out --bpe"),
    "separator": ("a.conllu", GOOD.encode(), {"sentence_separator": "|"}, "leave out --sentence-separator"),
    "punctuation": ("a.conllu", GOOD.encode(), {"punctuation": "remove"}, "keep or drop"),
    "share": ("a.conllu", GOOD.encode(), {"annotated": 1.5}, "from 0 to 1"),
    "plain tags": ("a.txt", b"a b c\n", {"tag_column": "upos"}, "not a treebank"),
    "plain punctuation": ("a.txt", b"a b c\n", {"punctuation": "drop"}, "not a treebank"),
    "plain share": ("a.txt", b"a b c\n", {"annotated": 0.5}, "not a treebank"),
    "cut": ("a.conllu.gz", gzip.compress(GOOD.encode() * 99)[:-9], {}, "not a complete gz file"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_an_error_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    name, data, chosen, said = BAD[case]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=said):
        whole(tmp_path / name, tmp_path, **chosen)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_sentences_that_are_not_text_are_counted_if_asked(tmp_path: Path) -> None:
    data = GOOD.encode() + GOOD.encode().replace(b"dog", b"\xff") + GOOD.encode().replace(b"NOUN", b"\xfe")
    (tmp_path / "a.conllu").write_bytes(data)
    corpus = whole(tmp_path / "a.conllu", tmp_path, skip_invalid=True)
    assert len(corpus.train) == 2
    assert corpus.info["skipped"] == {"is not valid UTF-8": 1}


def test_two_kinds_of_treebank_are_not_mixed(tmp_path: Path) -> None:
    conllu(tmp_path / "a.conllu", ["the dog"])
    (tmp_path / "b.ptb").write_text("(S (N a))")
    with pytest.raises(UserError, match=r"a\.conllu is CoNLL-U and .*b\.ptb holds bracketed trees"):
        whole(tmp_path, tmp_path)


def test_too_many_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undersong.data.tally._MOST_TAGS", 2)
    with pytest.raises(UserError, match="more than 2 tags"):
        whole(conllu(tmp_path / "a.conllu", ["the dog sees"]), tmp_path)


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undersong.data.corpora.treebank.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"takes the package conllu: pip install 'undersong\[treebanks\]'"):
        whole(conllu(tmp_path / "a.conllu", ["the dog sees"]), tmp_path)
