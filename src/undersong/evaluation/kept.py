"""Nets that serve every model on a corpus (a judge of classes, a language model) are trained once and kept beside it.

A file's name holds a hash of the corpus's content and of all the settings, so that a changed corpus or setting never
finds an old net. Knows nothing of what the nets do.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import nn

from undersong.configurable import describe
from undersong.data.store import DERIVED, Corpus
from undersong.files import write_atomically


def kept(net: nn.Module, corpus: Corpus, what: str, settings: Any, train: Callable[[], None]) -> None:
    """Fill ``net`` from the corpus's folder, or by ``train`` and keep it there.

    A folder that cannot be written to is no reason to fail: the net is then trained anew each time. A damaged file is
    trained over.
    """
    path = path_of(corpus, what, settings)
    try:
        net.load_state_dict(safetensors.torch.load_file(path))
        return
    except (OSError, safetensors.SafetensorError, RuntimeError):
        train()
    try:
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, safetensors.torch.save({name: t.contiguous() for name, t in net.state_dict().items()}))
    except OSError:
        return


def path_of(corpus: Corpus, what: str, settings: Any) -> Path:
    """Where the net of these settings is kept."""
    text = json.dumps([corpus.hash, corpus.vocab_size, describe(settings)], sort_keys=True)
    return corpus.folder / DERIVED / f"{what}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"
