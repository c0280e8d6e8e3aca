"""A run: the folder that ``train`` makes, and the trained system in it.

    config.yaml      the arguments of train, complete, with device, precision and threads as they were resolved
    run.json         the corpus it was trained on (hash, vocabulary size), what is scored, the versions of the code
    files/           copies of the files that the model is made from, such as word vectors
    tokenizer.json   so that a run can be used without its corpus
    metrics.jsonl    see ``record``
    checkpoints/     see ``checkpoint``

Knows nothing of how it was trained.
"""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from undersong.data.store import Corpus
from undersong.data.tokens import Tokenizer
from undersong.errors import UserError
from undersong.files import read_object
from undersong.learning import configuration
from undersong.learning.checkpoint import Checkpoints, DamagedCheckpoint
from undersong.learning.configuration import CONFIG, Config
from undersong.learning.luggage import unpacked
from undersong.learning.record import Line, read_record
from undersong.learning.seeds import sow
from undersong.learning.state import load_weights
from undersong.learning.system import System
from undersong.models.base import event
from undersong.nets.precision import FP32, set_precision

INFO, TOKENIZER, METRICS, CHECKPOINTS = "run.json", "tokenizer.json", "metrics.jsonl", "checkpoints"


@dataclass(frozen=True)
class Run:
    """A trained run.

    Attributes:
        path: its folder.
        config: the arguments of ``train`` as plain values.
        info: the content of ``run.json``.
        system: the best checkpoint's system, in evaluation mode and fp32.
        tokenizer: of the corpus it was trained on.
        step: steps the system had taken.
    """

    path: Path
    config: dict[str, Any]
    info: dict[str, Any]
    system: System
    tokenizer: Tokenizer
    step: int

    @staticmethod
    def load(path: str | Path, device: str | torch.device = "cpu") -> "Run":
        """Open a run's folder; the corpus need not be there.

        The best checkpoint is the one with the highest held-out value of the run's own objective; where nothing was
        held out, the last one.

        Raises:
            UserError: there is no run, no checkpoint yet, or none that is whole.
        """
        from undersong.learning.train import train

        path = Path(path)
        config, info = unpacked(configuration.read(path / CONFIG), path), read_info(path)
        step, stored = _best(path)
        system = rebuilt(configuration.instantiate(train, config), info, config["seeds"][0], path)
        load_weights(system, stored)
        set_precision(system, FP32)
        system.to(device).eval()
        return Run(path, config, info, system, load_tokenizer(path, info), step)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    def corpus(self) -> Corpus:
        """The corpus it was trained on.

        Raises:
            UserError: it is not where it was, or is another one now.
        """
        return open_corpus(Path(self.config["corpus"]), self.info)

    def metrics(self) -> list[Line]:
        """The lines of ``metrics.jsonl``."""
        return read_record(self.path / METRICS)


def build(made: dict[str, Any], vocab: int, seed: int) -> System:
    """The untrained system of a configuration's objects; its first parameters are a function of the seed alone."""
    with torch.random.fork_rng([]):
        sow(seed, -1)
        model = made["model"](vocab)
        return System(model, made["inference"](vocab, model.latent), made["estimator"], made["objective"])


def rebuilt(made: dict[str, Any], info: dict[str, Any], seed: int, path: Path) -> System:
    """The system of a run that is there already, still untrained.

    Raises:
        UserError: what its model is made from, such as another run, is no longer what it was.
    """
    system = build(made, info["vocab_size"], seed)
    now = event(system.model)
    if now != info.get("event", now):
        raise UserError(
            f"The model in {path} was learned over {info['event']}, and what it is made from now gives {now}: put back "
            "what it was made from, or train it again."
        )
    return system


def read_info(path: Path) -> dict[str, Any]:
    """The content of ``run.json``."""
    try:
        return read_object(path / INFO, "corpus", "vocab_size", "lowercase", "latent", "settled")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path / INFO} is damaged or missing ({error}): train again, `undersong train --config {path / CONFIG} "
            "--out ANOTHER`."
        ) from None


def config_of_run(path: Path) -> Config | None:
    """The arguments in a run's ``config.yaml``, named as the run lies now; None for any other file.

    A run's folder may have been moved: it is its own ``out``, and the files its model is made from lie in it.
    """
    if path.name != CONFIG or not (path.parent / INFO).is_file():
        return None
    return {**unpacked(configuration.read(path), path.parent), "out": os.path.abspath(path.parent)}


def load_tokenizer(path: Path, info: dict[str, Any]) -> Tokenizer:
    """The tokenizer that lies in the run's folder."""
    remedy = f"copy the {TOKENIZER} of the corpus it was trained on here"
    return Tokenizer.load(path / TOKENIZER, info["lowercase"], remedy)


def open_corpus(folder: Path, info: dict[str, Any]) -> Corpus:
    """The corpus of a run, if it is still the same."""
    if not folder.exists():
        raise UserError(f"The corpus this run was trained on is not at {folder} any more: put it back, or prepare it.")
    corpus = Corpus.open(folder)
    if corpus.hash != info["corpus"]:
        raise UserError(
            f"{folder} holds another corpus than the one this run was trained on (hash {corpus.hash}, not "
            f"{info['corpus']}): prepare it again with the same source and settings."
        )
    return corpus


def _best(path: Path) -> tuple[int, dict[str, torch.Tensor]]:
    """The best whole checkpoint, or if it is damaged the newest whole one, with a warning of what is wrong."""
    checkpoints = Checkpoints(path / CHECKPOINTS)
    wrong: list[str] = []
    for step in reversed(checkpoints.steps()):
        try:
            best = checkpoints.state(step)["best_step"]
        except DamagedCheckpoint as error:
            wrong.append(str(error))
            continue
        for place in [step] if best in (None, step) else [best, step]:
            try:
                found = checkpoints.weights(place)
            except DamagedCheckpoint as error:
                wrong.append(str(error))
                continue
            if wrong:
                warnings.warn(f"{' '.join(wrong)} The one of step {place} is used instead.", stacklevel=3)
            return place, found
    raise UserError(" ".join(wrong) or f"{path} has no checkpoint yet: train it further with --resume true.")
