"""Sixty lines of text, and what became of them in a store."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.data.conftest import sentences

from undersong.data.prepare import prepare
from undersong.data.store import Corpus

LINES = [f"{line[:-2]} n{i}" for i, line in enumerate(sentences(60))]


def texts(corpus: Corpus) -> list[list[str]]:
    return [[" ".join(s.words(i)) for i in range(len(s))] for s in (corpus.train, corpus.valid, corpus.test)]


def whole(source: Path | str, tmp_path: Path, **settings: object) -> Corpus:
    """Everything in one split, in order."""
    return prepare(str(source), out=tmp_path / "out", splits=(1, 0, 0), force=True, **settings)  # type: ignore[arg-type]


def labels(corpus: Corpus) -> list[str]:
    assert corpus.label_names is not None
    assert corpus.train.labels is not None
    return [corpus.label_names[i] for i in corpus.train.labels]


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
