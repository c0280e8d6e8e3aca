"""Classes of sentences: an unknown one is -1 and none of the classes, however a table leaves it open."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.data.stored import whole

TEXTS = ["a b c d e", "a b c d f", "g a b c d"]


def labelled(kind: str, labels: list[str | None]) -> bytes:
    """A table of the texts and these labels."""
    match kind:
        case "csv" | "tsv":
            mark = "," if kind == "csv" else "\t"
            rows = [f"{text}{mark}{label or ''}" for text, label in zip(TEXTS, labels, strict=True)]
            return "\n".join([f"text{mark}label", *rows]).encode()
        case "jsonl":
            rows = [json.dumps({"text": text, "label": label}) for text, label in zip(TEXTS, labels, strict=True)]
            return "\n".join(rows).encode()
        case _:
            sink = pa.BufferOutputStream()
            pq.write_table(pa.table({"text": TEXTS, "label": pa.array(labels).dictionary_encode()}), sink)
            return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("missing", ["", None], ids=["empty", "null"])
def test_missing_labels_are_minus_one(kind: str, missing: str | None, tmp_path: Path) -> None:
    (tmp_path / f"a.{kind}").write_bytes(labelled(kind, ["10", missing, "9"]))
    corpus = whole(tmp_path / f"a.{kind}", tmp_path, label_column="label")
    assert corpus.label_names == ["9", "10"]
    assert corpus.train.labels is not None
    assert corpus.train.labels.tolist() == [1, -1, 0]


def test_numbers_are_labels_as_they_are_written(tmp_path: Path) -> None:
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, (10, None, 9), strict=True)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    corpus = whole(tmp_path / "a.jsonl", tmp_path, label_column="label")
    assert corpus.label_names == ["9", "10"]
    assert corpus.train.labels is not None
    assert corpus.train.labels.tolist() == [1, -1, 0]


@pytest.mark.parametrize("label", ["NA", "null", '"nan"', "-"])
def test_a_class_may_have_any_name_but_the_empty_one(label: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(labelled("csv", ["x", label, '""']))
    corpus = whole(tmp_path / "a.csv", tmp_path, label_column="label")
    assert corpus.label_names == sorted(["x", label.strip('"')])
    assert corpus.train.labels is not None
    assert corpus.train.labels[2] == -1
