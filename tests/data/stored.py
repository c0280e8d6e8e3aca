"""Sixty lines of text, and what became of them in a store."""

from pathlib import Path

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
