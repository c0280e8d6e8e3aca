"""What a run goes on with: its own choices, and of those given now the few that may change.

Knows nothing of checkpoints.
"""

import os
from pathlib import Path
from typing import Any

from undersong.configurable import describe
from undersong.data.store import Corpus
from undersong.errors import UserError
from undersong.estimators import Marginal, Pathwise
from undersong.inference import Amortized, Exact
from undersong.learning.configuration import Config

FREE = ("epochs", "steps", "patience", "checkpoint_seconds", "resume", "quiet", "out")
RESOLVED = ("device", "precision", "threads")


def merged(stored: Config, given: Config, folder: Path) -> Config:
    """The stored configuration, with what may change and was given.

    Args:
        stored: that of the run.
        given: the arguments that ``train`` was called with, those left out not among them.
        folder: the run's, for what is said.

    Raises:
        UserError: what may not change was given otherwise.
    """
    own = {**stored, "out": os.path.abspath(folder), "quiet": given.get("quiet", False)}
    for name, value in given.items():
        if name in FREE:
            if name not in ("out", "quiet", "resume"):
                own[name] = value
            continue
        value = os.path.abspath(value) if name == "corpus" else value
        if (
            name == "corpus"
            and Path(stored[name]).exists()
            and Corpus.open(value).hash == Corpus.open(stored[name]).hash
        ):
            continue
        if name == "corpus" and not Path(stored[name]).exists():
            own[name] = value  # it has moved; its hash is compared when it is opened
        elif value != stored.get(name) and not _stands_for(name, value, stored.get(name)):
            raise UserError(
                f"--{name} differs from what the run in {folder} was begun with: leave it out to go on with that run, "
                "or choose another --out."
            )
    return own


def _stands_for(name: str, asked: Any, found: Any) -> bool:
    """Whether the run has what was found for it, on its machine or for its model, where this was asked."""
    if name in RESOLVED:
        return asked in ("auto", None)
    fitted = ((describe(Amortized), describe(Exact)), (describe(Pathwise()), describe(Marginal())))
    return (asked, found) in fitted
