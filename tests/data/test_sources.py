"""Every kind of source, and every kind of bad input."""

import csv
import gzip
import json
import lzma
import re
import tracemalloc
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from tests.data.conftest import sentences
from tests.data.stored import LABELS, LINES, labels, table, texts, whole

from undersong import data
from undersong.data.corpora.find import find_source, path_of
from undersong.data.corpora.tables import Columns
from undersong.data.prepare import prepare
from undersong.errors import UserError

ROOM = Path(data.__file__).parent
OPTION = re.compile(r"--[a-z][a-z_.=-]*[a-z]")


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


@pytest.mark.parametrize(("name", "kind"), [("a.TSV", "tsv"), ("a.Tsv.GZ", "tsv"), ("x.tsv.csv", "csv")])
def test_the_last_ending_says_what_parts_columns(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(COMPRESS[".gz" if name.endswith("GZ") else ""](table(kind)))
    corpus = whole(tmp_path / name, tmp_path, label_column="kind")
    assert texts(corpus)[0] == LINES
    assert labels(corpus) == LABELS


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_one_column_may_be_text_and_label(kind: str, tmp_path: Path) -> None:
    (tmp_path / f"a.{kind}").write_bytes(table(kind))
    corpus = whole(tmp_path / f"a.{kind}", tmp_path, text_column="sentence", label_column="sentence")
    assert texts(corpus)[0] == labels(corpus) == LINES


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()],
    ids=str,
)
def test_every_kind_of_text_in_parquet(kind: pa.DataType, tmp_path: Path) -> None:
    columns = [pa.array(values, pa.string()).cast(kind) for values in (LINES, LABELS, ["train"] * len(LINES))]
    pq.write_table(pa.table(columns, names=["text", "kind", "split"]), tmp_path / "a.parquet")
    assert pq.ParquetFile(tmp_path / "a.parquet").schema_arrow.field("text").type == kind
    corpus = whole(tmp_path / "a.parquet", tmp_path, label_column="kind", split_column="split")
    assert texts(corpus)[0] == LINES
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


@pytest.mark.parametrize("ending", ["", "\n", "\n\n", "\r\n"])
@pytest.mark.parametrize("columns", ["text", "text,label"])
def test_blank_rows_of_csv_are_counted_and_skipped(ending: str, columns: str, tmp_path: Path) -> None:
    """So that the number of a row is its own after them too."""
    more = ",1" * columns.count(",")
    written = f'{columns}\none two{more}\n\n"three\n\nfour"{more}\n\r\nfive six{more}{ending}'
    (tmp_path / "a.csv").write_bytes(written.encode())
    (part,) = find_source(str(tmp_path / "a.csv"), Columns()).parts
    rows = [row for batch in part.read() for row in batch.to_pylist()]
    blank = 1 if ending == "\n\n" else 0
    assert [(row["text"], row["row"]) for row in rows] == [
        (b"one two", 2), (b"", 3), (b"three\n\nfour", 4), (b"", 5), (b"five six", 6), *[(b"", 7)] * blank,
    ]  # fmt: skip
    (tmp_path / "b.csv").write_text(f"\n{columns}\none two{more}\n")
    with pytest.raises(UserError, match="row 1, is blank"):
        list(find_source(str(tmp_path / "b.csv"), Columns()).parts[0].read())


def test_what_an_object_lacks_is_null(tmp_path: Path) -> None:
    rows = [{"label": "x"}, {"text": "a b", "label": "y"}, {"text": "c d"}, {}, {"text": None, "label": 3}]
    (tmp_path / "a.jsonl").write_text("\n\n" + "\n".join(map(json.dumps, rows)))
    (part,) = find_source(str(tmp_path / "a.jsonl"), Columns(label="label")).parts
    found = [(r["row"], r["text"], r["label"]) for batch in part.read() for r in batch.to_pylist()]
    texts = [None, None, None, b"a b", b"c d", None, None]
    assert [(row, text or None) for row, text, _ in found] == list(enumerate(texts, 1))
    assert [label for *_, label in found] == [None, None, b"x", b"y", None, None, b"3"]


def test_objects_are_counted_by_what_they_lack_and_may_name_their_text_in_both_usual_ways(tmp_path: Path) -> None:
    lines = ['{"sentence": "a b c d e"}', '{"text": "f g h i j"}', "", '{"txt": "k l m n o"}', '{"text": null}', "{}"]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    corpus = prepare(str(tmp_path / "a.jsonl"), out=tmp_path / "out", splits=(1, 0, 0), show_progress=False)
    assert texts(corpus)[0] == ["a b c d e", "f g h i j"]
    assert corpus.info["skipped"] == {"no 'text' or 'sentence'": 1, "no words": 3}


def test_other_fields_of_objects_are_not_held(tmp_path: Path) -> None:
    rows = [{"text": "a b c d e", "page": "x" * 30_000} for _ in range(3000)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (part,) = find_source(str(tmp_path / "a.jsonl"), Columns()).parts
    tracemalloc.start()
    assert sum(len(batch) for batch in part.read()) == 3000
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20_000_000  # of 90 MB


def test_csv_with_line_ends_inside_quotes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\n"one two\nthree ""four"", five"\n')
    assert texts(whole(tmp_path / "a.csv", tmp_path))[0] == ['one two three " four " , five']


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("names", ['text,"x\ny, ""z"""', '"te\nxt",x', '"text","x"'])
def test_names_of_csv_columns_may_hold_line_ends(names: str, newline: str, tmp_path: Path) -> None:
    written = f'{names}\none two,1\n"three\nfour",2\n'
    (tmp_path / "a.csv").write_bytes(written.replace("\n", newline).encode())
    chosen = "te\nxt".replace("\n", newline) if "te\n" in names else "text"
    (part,) = find_source(str(tmp_path / "a.csv"), Columns(chosen)).parts
    rows = [row for batch in part.read() for row in batch.to_pylist()]
    assert [(row["text"].split(), row["row"]) for row in rows] == [([b"one", b"two"], 2), ([b"three", b"four"], 3)]


def test_a_mark_inside_a_text_does_no_harm_where_no_cell_takes_several_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('y,text\n"1",a 5" disk of old\n"2","a" b c d e\n')
    assert texts(whole(tmp_path / "a.csv", tmp_path))[0] == ['a 5 " disk of old', "a b c d e"]


@pytest.mark.parametrize("name", ["\uff54\uff45\uff58\uff54", "\ufed7", "\ufb01"])
def test_a_first_column_whose_name_begins_with_a_byte_of_the_mark_of_byte_order(name: str, tmp_path: Path) -> None:
    """Full-width and Arabic letters, and a ligature: what is no mark is part of the name."""
    (tmp_path / "a.csv").write_text(f"{name},y\none two,1\n", encoding="utf-8")
    assert texts(whole(tmp_path / "a.csv", tmp_path, text_column=name, min_words=1))[0] == ["one two"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_whatever_text_is_quoted_as_csv_wants_is_read_back(newline: str, tmp_path: Path) -> None:
    random = Random(0)
    cells = [["".join(random.choices('ab ,"\n', k=random.randrange(9))) for _ in range(3)] for _ in range(2000)]
    with open(tmp_path / "a.csv", "w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator=newline).writerows([["a", "b", "c"], *cells])
    (part,) = find_source(str(tmp_path / "a.csv"), Columns("b")).parts
    assert [row["text"].decode() for batch in part.read() for row in batch.to_pylist()] == [row[1] for row in cells]


def test_zstandard_that_looks_far_back_is_read(tmp_path: Path) -> None:
    """As `zstd --long=28` and above write it: large corpora are given out so."""
    far = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=far).compressobj()
    (tmp_path / "a.txt.zst").write_bytes(packer.compress(b"one two\n") + packer.flush())
    assert texts(whole(tmp_path / "a.txt.zst", tmp_path, min_words=1))[0] == ["one two"]


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


def test_what_a_source_is_read_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wordnet").mkdir()
    assert path_of("wordnet") is None
    assert path_of("./wordnet") == path_of("hf:wordnet") == Path("wordnet")
    assert path_of("hf:nobody/nothing") is None


@pytest.mark.parametrize("name", ["nowhere.txt", "wordnet:nouns", ""])
def test_no_such_source(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no source"):
        whole(name, tmp_path)


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
