"""A corpus of induced tags: what a trained model calls each word, with the gold heads of the words.

Knows nothing of what will be trained on it.
"""

import json
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from undersong.data.corpora.conllu import write_conllu
from undersong.data.prepare import prepare
from undersong.data.store import SPLITS
from undersong.decoding.annotating import read_split, tag
from undersong.files import write_atomically
from undersong.learning import Run

MADE_BY = "retagged.json"  # in the corpus's folder: which run made it


def retagged(run: Path, out: Path, max_words: int) -> Path:
    """The run's corpus with each word replaced by the tag that the run gives it.

    It is prepared once for each state of the run: anew if another run, step, configuration or length made what is
    there.

    Args:
        run: the folder of a trained run that tags.
        out: the folder of the new corpus.
        max_words: the longest sentence kept.
    """
    loaded = Run.load(run)
    wanted = _origin(loaded, max_words)
    if (out / "corpus.json").exists() and _made_by(out) == wanted:
        return out
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        for split in SPLITS:
            found = tag(loaded, list(read_split(loaded, split)))
            (Path(folder) / f"{split}.conllu").write_text(write_conllu(found), encoding="utf-8")
        (out / MADE_BY).unlink(missing_ok=True)
        prepare(folder, out=out, text_column="upos", min_words=1, max_words=max_words, show_progress=False, force=True)
    write_atomically(out / MADE_BY, json.dumps(wanted, indent=1).encode())
    return out


def _origin(run: Run, max_words: int) -> dict[str, Any]:
    config = json.dumps(run.config, sort_keys=True, default=str)
    return {
        "run": run.name,
        "step": run.step,
        "config": sha256(config.encode()).hexdigest(),
        "max_words": max_words,
    }


def _made_by(corpus: Path) -> dict[str, Any] | None:
    try:
        return json.loads((corpus / MADE_BY).read_bytes())
    except (OSError, ValueError):
        return None
