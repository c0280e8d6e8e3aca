"""A corpus of induced tags: what a trained model calls each word, with the gold heads of the words.

Knows nothing of what will be trained on it.
"""

import tempfile
from pathlib import Path

from undersong.data.corpora.conllu import write_conllu
from undersong.data.prepare import prepare
from undersong.data.store import SPLITS
from undersong.decoding.annotating import read_split, tag
from undersong.learning import Run


def retagged(run: Path, out: Path, max_words: int) -> Path:
    """The run's corpus with each word replaced by the tag that the run gives it, prepared once.

    Args:
        run: the folder of a trained run that tags.
        out: the folder of the new corpus.
        max_words: the longest sentence kept.
    """
    if (out / "corpus.json").exists():
        return out
    loaded = Run.load(run)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        for split in SPLITS:
            found = tag(loaded, list(read_split(loaded, split)))
            (Path(folder) / f"{split}.conllu").write_text(write_conllu(found), encoding="utf-8")
        prepare(folder, out=out, text_column="upos", min_words=1, max_words=max_words, show_progress=False)
    return out
