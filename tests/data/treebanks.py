"""Small treebanks for tests, and the corpora made of them."""

from collections.abc import Sequence
from pathlib import Path

from undersong.data.corpora.annotated import Sentence
from undersong.data.corpora.conllu import write_conllu
from undersong.data.prepare import prepare
from undersong.data.store import Corpus

TAGS = {".": "PUNCT", "the": "DET", "a": "DET", "sees": "VERB", "hears": "VERB", "finds": "VERB"}


def annotated(lines: Sequence[str]) -> list[Sentence]:
    """Each word hangs on the one before it, and the last two are a constituent inside one of all."""
    rows = []
    for line in lines:
        words = tuple(line.split())
        tags = tuple(TAGS.get(word, "NOUN") for word in words)
        count = len(words)
        spans = ((0, count, "S"), (count - 2, count, "NP")) if count > 1 else ((0, count, "S"),)
        rows.append(Sentence(words, tags, tuple(range(count)), spans))
    return rows


def conllu(path: Path, lines: Sequence[str]) -> Path:
    path.write_text(write_conllu(annotated(lines)), encoding="utf-8")
    return path


def whole(source: Path, tmp_path: Path, **settings: object) -> Corpus:
    """Everything in one split, in order."""
    chosen = {"splits": (1, 0, 0), "force": True, "min_words": 1, "show_progress": False} | settings
    return prepare(str(source), out=tmp_path / "out", **chosen)  # type: ignore[arg-type]
