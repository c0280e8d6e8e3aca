"""Every kind of source, and every kind of bad input."""

import gzip
import json
import lzma
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from tests.data.conftest import sentences
from tests.data.stored import LINES, labels, texts, whole

from undersong import data
from undersong.data.prepare import prepare
from undersong.errors import UserError

ROOM = Path(data.__file__).parent
OPTION = re.compile(r"--[a-z][a-z_.=-]*[a-z]")

LABELS = ["beta" if i % 3 else "alpha" for i in range(60)]


def table(kind: str) -> bytes:
    """The lines and labels as a file of that kind."""
    match kind:
        case "csv":
            rows = [f'"{line}",{label}' for line, label in zip(LINES, LABELS, strict=True)]
            return "\r\n".join(["sentence,kind", *rows]).encode()
        case "tsv":
            rows = [f"{line}\t{label}" for line, label in zip(LINES, LABELS, strict=True)]
            return "\n".join(["sentence\tkind", *rows, ""]).encode()
        case "jsonl":
            rows = [json.dumps({"kind": label, "sentence": line}) for line, label in zip(LINES, LABELS, strict=True)]
            return "\n".join(rows).encode()
        case _:
            sink = pa.BufferOutputStream()
            pq.write_table(pa.table({"sentence": LINES, "kind": pa.array(LABELS).dictionary_encode()}), sink)
            return sink.getvalue().to_pybytes()


def damaged_parquet() -> bytes:
    """A parquet file whose footer is whole and whose rows are not."""
    whole_file = table("parquet")
    return whole_file[:4] + b"\xff" * 400 + whole_file[404:]


COMPRESS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".zst": zstandard.compress}


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("compression", list(COMPRESS))
def test_tables(kind: str, compression: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}{compression}"
    path.write_bytes(COMPRESS[compression](table(kind)))
    corpus = whole(path, tmp_path, label_column="kind")
    assert texts(corpus)[0] == LINES
    assert corpus.label_names == ["alpha", "beta"]
    assert labels(corpus) == LABELS


@pytest.mark.parametrize("compression", list(COMPRESS))
def test_text_files(compression: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.txt{compression}"
    path.write_bytes(COMPRESS[compression]("\ufeff".encode() + "\r\n".join(LINES).encode()))
    assert texts(whole(path, tmp_path))[0] == LINES


def test_zstandard_in_several_frames(tmp_path: Path) -> None:
    frames = [zstandard.compress(("\n".join(part) + "\n").encode()) for part in (LINES[:30], LINES[30:])]
    (tmp_path / "a.txt.zst").write_bytes(b"".join(frames))
    assert texts(whole(tmp_path / "a.txt.zst", tmp_path))[0] == LINES


def test_text_in_many_blocks_keeps_its_order(tmp_path: Path) -> None:
    many = sentences(40_000)
    (tmp_path / "a.txt").write_text("\n".join(many))
    assert texts(whole(tmp_path / "a.txt", tmp_path, vocabulary=50_000))[0] == many


def test_a_folder_is_read_in_order_and_other_files_counted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "b").mkdir(parents=True)
    (folder / "a.txt").write_text("\n".join(LINES[:20]))
    (folder / "b" / "c.txt.gz").write_bytes(gzip.compress("\n".join(LINES[20:40]).encode()))
    (folder / "z.jsonl").write_text("\n".join(json.dumps({"text": line}) for line in LINES[40:]))
    (folder / "notes.pdf").write_bytes(b"%PDF")
    (folder / ".hidden.txt").write_text("not to be read at all by us")
    corpus = whole(folder, tmp_path)
    assert texts(corpus)[0] == LINES
    assert corpus.info["skipped"] == {"file of unknown kind": 1}


def test_splits_of_a_folder_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    given = LINES[:40], LINES[40:50], LINES[50:]
    for name, lines in zip(("train-00.txt", "dev.txt.gz", "test.txt"), given, strict=True):
        data = "\n".join(lines).encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    corpus = prepare(str(folder), out=tmp_path / "out")
    assert texts(corpus)[0] == LINES[:40]
    assert [len(s) for s in texts(corpus)] == [40, 10, 10]
    assert corpus.info["given_splits"] == ["train", "valid", "test"]
    assert not {word for line in LINES[40:] for word in line.split() if word[1:].isdigit()} & set(
        corpus.tokenizer.names
    )
    (folder / "extra.txt").write_text("x")
    with pytest.raises(UserError, match=r"extra\.txt is none of train, valid, test"):
        prepare(str(folder), out=tmp_path / "two")


def test_a_split_that_is_not_given_is_taken_from_train(tmp_path: Path) -> None:
    many = sentences(600)
    rows = [f"{line}\t{'test' if i >= 500 else 'train'}" for i, line in enumerate(many)]
    (tmp_path / "a.tsv").write_text("\n".join(["text\tpart", *rows]))
    corpus = prepare(str(tmp_path / "a.tsv"), out=tmp_path / "out", split_column="part", splits=(0.8, 0.2, 0))
    assert len(corpus.test) == 100
    assert len(corpus.train) + len(corpus.valid) == 500
    assert 60 < len(corpus.valid) < 140
    assert texts(corpus)[2] == many[500:]


def test_columns_without_header_and_several_sentences_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('2,"a b c\td e"\n1,f g\n')
    corpus = whole(
        tmp_path / "a.csv",
        tmp_path,
        header=False,
        text_column="2",
        label_column="1",
        sentence_separator="\\t",
        min_words=2,
    )
    assert texts(corpus)[0] == ["a b c", "d e", "f g"]
    assert labels(corpus) == ["2", "2", "1"]
    assert corpus.label_names == ["1", "2"]


def test_csv_with_line_ends_inside_quotes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\n"one two\nthree ""four"", five"\n')
    assert texts(whole(tmp_path / "a.csv", tmp_path))[0] == ['one two three " four " , five']


def test_missing_labels_are_minus_one(tmp_path: Path) -> None:
    rows = [{"text": "a b c d e", "label": 10}, {"text": "a b c d f", "label": None}, {"text": "g a b c d", "label": 9}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    corpus = whole(tmp_path / "a.jsonl", tmp_path, label_column="label")
    assert corpus.label_names == ["9", "10"]
    assert corpus.train.labels is not None
    assert corpus.train.labels.tolist() == [1, -1, 0]


BAD = {
    "invalid UTF-8": ("a.txt", b"a good line of words\nb\xff\xfe bad\n", {}, r"a\.txt, line 2: is not valid UTF-8"),
    "NUL": ("a.txt", b"a good line of words\nb\n\nc \0 d\n", {}, r"a\.txt, line 4: holds a NUL byte"),
    "UTF-8 in csv": ("a.csv", b"text\nfine\n\xff\n", {}, r"a\.csv, row 3: is not valid UTF-8"),
    "empty file": ("a.txt", b"", {}, "is empty"),
    "empty csv": ("a.csv", b"", {}, "is empty"),
    "empty jsonl": ("a.jsonl", b"", {}, "is empty"),
    "header only": ("a.csv", b"text\n", {}, "is empty"),
    "nothing left": ("a.txt", b"too short\n\n", {}, "1 fewer than 5 words; 1 no words"),
    "missing column": ("a.csv", b"body,y\na,b\n", {"text_column": "text"}, "no column 'text'.*'body', 'y'"),
    "missing label": ("a.jsonl", b'{"text": "a"}', {"label_column": "y"}, "line 1 has no column 'y'"),
    "parted by semicolons": ("a.csv", b"text;y\na b;c\n", {}, r"one column, 'text;y': commas part"),
    "parted by tabs": ("a.csv", b"text\ty\na b\tc\n", {"text_column": "text"}, r"rename it"),
    "which column": ("a.csv", b"body,y\na,b\n", {}, "--text-column"),
    "no columns": ("a.txt", b"a b\n", {"label_column": "y"}, "plain text"),
    "no JSON": ("a.jsonl", b'{"text": "a"}\n{"text: 1}\n', {}, r"a\.jsonl, line 2 is not JSON"),
    "no object": ("a.jsonl", b"[1]\n", {}, "line 1 holds no JSON object"),
    "no string": ("a.jsonl", b'{"text": 7}\n', {}, "line 1: the text is int"),
    "ragged csv": ("a.csv", b"text,y\na,b\nc\n", {}, "not a good table"),
    "no parquet": ("a.parquet", b"PAR", {}, "not a parquet file"),
    "damaged parquet": ("a.parquet", damaged_parquet(), {}, r"a\.parquet is not a good table after row 0"),
    "deep JSON": ("a.jsonl", b'{"text": ' + b"[" * 200_000 + b"\n", {}, r"a\.jsonl, line 1 is not JSON"),
    "cut gzip": ("a.txt.gz", gzip.compress(b"a b c d e\n" * 1000)[:-20], {}, "not a complete gz file"),
    "no gzip": ("a.txt.gz", b"plain text\n", {}, "not a complete gz file"),
    "cut xz": ("a.txt.xz", lzma.compress(b"a b c d e\n" * 1000)[:-20], {}, "not a complete xz file"),
    "cut zst": ("a.txt.zst", zstandard.compress(b"a b c d e\n" * 1000)[:-3], {}, "not a complete zst file"),
    "no zst": ("a.txt.zst", b"plain text\n", {}, "not a complete zst file"),
    "bad split": ("a.csv", b"text,s\na,b\n", {"split_column": "s"}, "'b' in the split column"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_an_error_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    name, data, settings, said = BAD[case]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=said):
        whole(tmp_path / name, tmp_path, **settings)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_lines_that_are_not_text_are_counted_if_asked(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a b c d e\n\xff\nb \0 c\na b c d f\n")
    corpus = whole(tmp_path / "a.txt", tmp_path, skip_invalid=True)
    assert texts(corpus)[0] == ["a b c d e", "a b c d f"]
    assert corpus.info["skipped"] == {"holds a NUL byte": 1, "is not valid UTF-8": 1}


def test_very_long_lines_are_skipped(tmp_path: Path) -> None:
    million = b"word " * 1_000_000
    huge = b"x" * (40 << 20)
    (tmp_path / "a.txt").write_bytes(b"a b c d e\n" + million + b"\n" + huge + b"\na b c d f\n" + huge)
    corpus = whole(tmp_path / "a.txt", tmp_path)
    assert texts(corpus)[0] == ["a b c d e", "a b c d f"]
    assert corpus.info["skipped"] == {"longer than 16 MiB": 2, "more than 30 words": 1}


def test_reasons_survive_cutting_texts_into_sentences(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a b c d e|a b c d f\n\xff\n|g\n")
    corpus = whole(tmp_path / "a.txt", tmp_path, sentence_separator="|", skip_invalid=True)
    assert texts(corpus)[0] == ["a b c d e", "a b c d f"]
    assert corpus.info["skipped"] == {"fewer than 5 words": 1, "is not valid UTF-8": 1, "no words": 1}


@pytest.mark.parametrize("name", ["nowhere.txt", "wordnet:nouns"])
def test_no_such_source(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no source"):
        whole(name, tmp_path)


def test_a_folder_without_corpus(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="holds no corpus"):
        whole(tmp_path / "in", tmp_path)


def test_real_tables(shared_data: Path, tmp_path: Path) -> None:
    where = shared_data / "dbpedia14" / "train.csv.gz"
    if not where.exists():
        pytest.skip(f"{where.parent} is absent")
    corpus = prepare(
        str(where), out=tmp_path / "out", header=False, text_column="2", label_column="1", sentence_separator="\\t"
    )
    assert corpus.label_names == [str(i) for i in range(14)]
    assert sum(s["sentences"] for s in corpus.info["splits"].values()) > 20_000
    snli = shared_data / "snli" / "dev.tsv.gz"
    if snli.exists():
        corpus = prepare(str(snli), out=tmp_path / "snli", text_column="premise", label_column="label")
        assert corpus.label_names is not None
        assert len(corpus.label_names) == 3


def test_errors_spell_options_as_the_readme_does() -> None:
    """With hyphens, and a switch alone: one spelling, which works."""
    told = [
        (path.name, said) for path in sorted(ROOM.rglob("*.py")) for said in OPTION.findall(path.read_text("utf-8"))
    ]
    assert len(told) > 10
    assert [(name, said) for name, said in told if "_" in said or "=" in said] == []
