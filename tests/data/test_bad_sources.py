"""Sources that are damaged, or no text: one clear error or a counted skip, and nothing half-written."""

import gzip
import lzma
from pathlib import Path

import pytest
import zstandard
from tests.data.stored import table, texts, whole

from undersong.errors import UserError


def damaged_parquet() -> bytes:
    """A parquet file whose footer is whole and whose rows are not."""
    whole_file = table("parquet")
    return whole_file[:4] + b"\xff" * 400 + whole_file[404:]


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
    "missing label": ("a.jsonl", b'{"text": "a"}', {"label_column": "y"}, r"a\.jsonl has no column 'y'; its columns"),
    "parted by semicolons": ("a.csv", b"text;y\na b;c\n", {}, r"one column, 'text;y': commas part"),
    "parted by tabs": ("a.csv", b"text\ty\na b\tc\n", {"text_column": "text"}, r"rename it"),
    "which column": ("a.csv", b"body,y\na,b\n", {}, "--text-column"),
    "no columns": ("a.txt", b"a b\n", {"label_column": "y"}, "plain text"),
    "no JSON": ("a.jsonl", b'{"text": "a"}\n{"text: 1}\n', {}, r"a\.jsonl, line 2 is not JSON"),
    "no object": ("a.jsonl", b"[1]\n", {}, "line 1 holds no JSON object"),
    "no string": ("a.jsonl", b'{"text": 7}\n', {}, "line 1: the text is int"),
    "ragged csv": ("a.csv", b"text,y\na,b\nc\n", {}, "not a good table"),
    "open quotation mark": (
        "a.csv",
        b'text\na b\n"c d\ne f\ng h\n',
        {},
        "a quotation mark that opens in row 3 is never",
    ),
    "open in the last": ("a.csv", b'y,text\n1,a b\n2,"c d\n3,e f', {}, "a quotation mark that opens in row 3 is never"),
    "closed lines later": (
        "a.csv",
        b'text\na b\n"c d\ne f\n"g" h\ni j\n',
        {},
        r"line 5: a quotation mark stands inside a cell that began in line 3, and 2 line ends",
    ),
    "closed inside a text": ("a.csv", b'y,text\n1,"a b\n2,c d\n3,e "f" g\n', {}, "line 4: a quotation .* in line 2"),
    "closed at an end": ("a.csv", b'text\na "b" c\n"d e\nf g"\n', {}, r"line 2: a quotation .* inside a cell, and 1"),
    "in another column": ("a.csv", b'text,y\na b,"c\nd e,f\nd e,"g"h\n', {}, "line 4: a quotation .* in line 2"),
    "no parquet": ("a.parquet", b"PAR", {}, "not a parquet file"),
    "damaged parquet": ("a.parquet", damaged_parquet(), {}, r"a\.parquet is not a good table after row 0"),
    "deep JSON": ("a.jsonl", b'{"text": ' + b"[" * 200_000 + b"\n", {}, r"a\.jsonl, line 1 is not JSON"),
    "cut gzip": ("a.txt.gz", gzip.compress(b"a b c d e\n" * 1000)[:-20], {}, "not a complete gz file"),
    "no gzip": ("a.txt.gz", b"plain text\n", {}, "not a complete gz file"),
    "cut xz": ("a.txt.xz", lzma.compress(b"a b c d e\n" * 1000)[:-20], {}, "not a complete xz file"),
    "cut zst": ("a.txt.zst", zstandard.compress(b"a b c d e\n" * 1000)[:-3], {}, "not a complete zst file"),
    "no zst": ("a.txt.zst", b"plain text\n", {}, "not a complete zst file"),
    "half a character a row": ("a.csv", b"text\na \xc3\n\xa9 b\n", {}, r"a\.csv, row 2: is not valid UTF-8"),
    "UTF-8 in jsonl": (
        "a.jsonl",
        b'{"text": "a"}\n{"text": "hel\xfflo"}\n',
        {},
        "line 2: is not valid.*--skip-invalid",
    ),
    "UTF-8 in csv's labels": (
        "a.csv",
        b"text,y\na,b\nc,\xff\n",
        {"label_column": "y"},
        "row 3: has a label that is not",
    ),
    "label half a pair": (
        "a.jsonl",
        b'{"text": "a", "y": "\\ud800"}',
        {"label_column": "y"},
        "line 1: has a label that",
    ),
    "UTF-8 in a split": ("a.csv", b"text,s\na,\xff\n", {"split_column": "s"}, r"a\.csv: '\ufffd' in the split column"),
    "split a list": ("a.jsonl", b'{"text": "a", "s": ["train"]}', {"split_column": "s"}, r"\['train'\]. in the split"),
    "bad split": ("a.csv", b"text,s\na,b\n", {"split_column": "s"}, "csv: 'b' in the split column"),
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


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (
            "a.jsonl",
            b'{"text": "a b c d e", "y": "1"}\n{"text": "a \xff| c d f g h", "y": "1"}\n{"text": "a", "y": "\xff"}',
        ),
        ("a.csv", b"text,y\na b c d e,1\na \xff| c d f g h,1\na b c d f,\xff\n"),
    ],
)
def test_rows_that_are_not_text_are_counted_if_asked(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    corpus = whole(tmp_path / name, tmp_path, skip_invalid=True, label_column="y")
    assert texts(corpus)[0] == ["a b c d e"]
    assert corpus.label_names == ["1"]
    assert corpus.info["skipped"] == {"has a label that is not valid UTF-8": 1, "is not valid UTF-8": 1}
