"""From a configuration to a running loop: a fresh run's folder, or one to go on with.

The loop is always built from the configuration as it is written, so that what was trained is what the file says. Knows
nothing of what a step does.
"""

import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Set
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from undersong.configurable import describe
from undersong.data.batching import Batches
from undersong.data.store import Corpus
from undersong.errors import UserError
from undersong.estimators import Marginal, Pathwise
from undersong.files import held, write_atomically
from undersong.inference import Amortized, Exact
from undersong.learning import configuration
from undersong.learning.admission import need_fitting, need_possible
from undersong.learning.base import Learner
from undersong.learning.checkpoint import Checkpoint, Checkpoints
from undersong.learning.configuration import CONFIG, Config
from undersong.learning.device import borrowed, resolve_device
from undersong.learning.diagnosis import Case
from undersong.learning.doctor import Watch
from undersong.learning.fit import Fit, Limits, Memory
from undersong.learning.going_on import merged
from undersong.learning.gradient import Gradient
from undersong.learning.luggage import FILES, named, packed, unpacked
from undersong.learning.progress import Display
from undersong.learning.record import Line, Record, read_record
from undersong.learning.run import CHECKPOINTS, INFO, METRICS, TOKENIZER, build, open_corpus, read_info, rebuilt
from undersong.learning.state import load_weights
from undersong.learning.system import System
from undersong.learning.validation import Validation
from undersong.models import ExactModel, Model
from undersong.models.base import Counted, event
from undersong.nets.precision import Precision, resolve, set_precision

Train = Callable[..., Any]


def start(train: Train, given: Config, seed: int, folder: Path) -> None:
    """Begin a run in a folder that is not there yet, and train it to its end."""
    corpus = Corpus.open(given["corpus"])
    own = _resolved(given, seed, folder)
    made = configuration.instantiate(train, own)
    with borrowed(torch.device(own["device"]), own["threads"]):
        exact = _exact_choices(own, made["model"](corpus.vocab_size))
        if exact:
            own |= exact
            made = configuration.instantiate(train, own)
        system = build(made, corpus.vocab_size, seed)
        need_fitting(system, corpus)
        need_possible(system, made["learner"](system), corpus, seed)
        with _alone(folder):
            if (folder / CONFIG).exists():
                raise UserError(f"{folder} was begun by another process meanwhile: choose another --out.")
            own = packed(own, folder)
            _make_folder(folder, corpus, system)
            _fit(made, own, system, corpus, folder, None, [], _command(given, folder))


def go_on(train: Train, given: Config, told: Set[str], seed: int, folder: Path) -> None:
    """Go on with the run in a folder from its last whole checkpoint, or begin it if it was never written down."""
    if not (folder / CONFIG).exists():
        others = {p.name for p in folder.iterdir()} - {INFO, TOKENIZER, FILES} if folder.exists() else set()
        if any(not name.startswith(".") for name in others):
            raise UserError(f"{folder} is not a run's folder (no {CONFIG}): choose another --out.")
        return start(train, given, seed, folder)
    with _alone(folder):
        _go_on(train, given, told, seed, folder)
    return None


def _go_on(train: Train, given: Config, told: Set[str], seed: int, folder: Path) -> None:
    stored = named(unpacked(configuration.read(folder / CONFIG), folder), folder)
    asked = {**named(given, folder), "seeds": [seed]}
    own = merged(stored, {k: v for k, v in asked.items() if k in told}, folder)
    device = _device_of(own, folder)
    info = read_info(folder)
    corpus = open_corpus(Path(own["corpus"]), info)
    if own["corpus"] != stored["corpus"]:  # it has moved: told at once, as a run that is trained already is used there
        configuration.write({**stored, "corpus": own["corpus"]}, folder / CONFIG)
    made = configuration.instantiate(train, own)
    checkpoints = Checkpoints(folder / CHECKPOINTS)
    checkpoint, refused = checkpoints.latest()
    where = f"step {checkpoint.step}" if checkpoint else "the beginning"
    notices = [f"{wrong} Going on from {where} instead." for wrong in refused]
    with borrowed(device, own["threads"]):
        system = rebuilt(made, info, own["seeds"][0], folder)
        checkpoints.forget_after(checkpoint.step if checkpoint else -1)
        _fit(made, own, system, corpus, folder, checkpoint, notices, _command(given, folder))


def _device_of(own: Config, folder: Path) -> torch.device:
    """Where a run was begun, which is where it goes on.

    Raises:
        UserError: this machine has no such device.
    """
    try:
        return resolve_device(own["device"])
    except UserError:
        config = shlex.quote(str(folder / CONFIG))
        raise UserError(
            f"The run in {folder} was begun on {own['device']}, which this machine has not, and goes on nowhere else: "
            f"resume it where there is one, or begin it anew, `undersong train --config {config} --device cpu "
            "--precision auto --out ANOTHER`."
        ) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The run's folder, with no other process training in it."""
    try:
        with held(folder):
            yield
    except BlockingIOError:
        raise UserError(f"Another process trains in {folder}: wait for it, or choose another --out.") from None


def _fit(
    made: dict[str, Any],
    own: Config,
    system: System,
    corpus: Corpus,
    folder: Path,
    checkpoint: Checkpoint | None,
    notices: list[str],
    resumption: str,
) -> None:
    device, seed = torch.device(own["device"]), own["seeds"][0]
    bound = {"sentences": own["sentences"]} if own["tokens"] is None else {"tokens": own["tokens"]}
    batches = Batches(corpus.train, **bound, seed=seed)
    if checkpoint is not None:
        load_weights(system, checkpoint.weights)
    system.to(device)
    set_precision(system, Precision(own["precision"]))
    learner = made["learner"](system)
    memory = Memory()
    if checkpoint is not None:
        learner.restore({name: t.to(device) for name, t in checkpoint.learner.items()})
        kept = {name: v for name, v in checkpoint.state.items() if name != "record"}
        memory = replace(Memory(**kept), stopped=None)
    steps = own["epochs"] * len(batches) if own["steps"] is None else own["steps"]
    limits = Limits(
        steps=steps,
        done=_done(own, steps, learner, len(batches)),
        patience=own["patience"],
        settled=system.objective.end,
        validate=own["validation_steps"] or len(batches),
        save=own["checkpoint_seconds"],
    )
    over = limits.reached(memory, learner.finished())
    with Display(steps, own["quiet"]) as display:
        for notice in notices:
            display.say(notice)
        if over is not None and checkpoint is not None:
            more = " Give more --steps, or null for --epochs to count." if over == limits.done and own["steps"] else ""
            display.say(f"{folder} is trained already ({memory.step} steps): {over}.{more}")
            return
        configuration.write(own, folder / CONFIG)  # last of what a run needs before its first step: it makes it one
        validation = Validation(corpus.valid, own["validation_sentences"], own["sentences"], seed, device)
        with closing(Record(folder / METRICS, 0 if checkpoint is None else int(checkpoint.state["record"]))) as record:
            display.say(_opening(own, system, corpus, memory))
            if not len(validation):
                display.say("No sentences are held out: nothing is judged on the way, and the last checkpoint is kept.")
            if type(learner) is Gradient and isinstance(system.model, Counted):
                name = type(system.model).__name__
                display.say(
                    f"{name} is learned faster by --learner EM, which also reads its smoothing; Gradient does not."
                )
            fit = Fit(
                learner,
                batches,
                validation if len(validation) else None,
                limits,
                Checkpoints(folder / CHECKPOINTS),
                record,
                display,
                _watch(own, system, read_record(folder / METRICS), display),
                resumption,
            )
            memory = fit.run(memory)
            earlier = memory.best_step not in (None, memory.step)
            used = f" Step {memory.best_step} was the best held out, and is the one used." if earlier else ""
            display.say(f"{folder}: {memory.stopped}; {memory.step} steps in {memory.seconds:.0f} s.{used}")


def _done(own: Config, steps: int, learner: Learner, epoch: int) -> str:
    """What is said when the last step is reached."""
    done = "all epochs are done" if own["steps"] is None else f"all {steps} of --steps are done"
    first = learner.first(epoch)
    if steps >= first:
        return done
    return f"{done}; {type(learner).__name__} changes nothing before step {first}, so nothing was learned"


def _command(given: Config, folder: Path) -> str:
    """What to type to go on, with all seeds where there are several."""
    command = f"undersong train --config {shlex.quote(str(folder / CONFIG))} --resume true"
    if len(given["seeds"]) == 1:
        return command
    return f"{command} --out {shlex.quote(str(given['out']))} --seeds {shlex.quote(str(given['seeds']))}"


def _exact_choices(own: Config, model: Model) -> Config:
    """What a model that computes its own posterior is given where the choice was left alone."""
    if not isinstance(model, ExactModel):
        return {}
    found: Config = {}
    if own["inference"] == describe(Amortized):
        found["inference"] = describe(Exact)
    if model.latent and own["estimator"] == describe(Pathwise()):
        found["estimator"] = describe(Marginal())
    return found


def _watch(own: Config, system: System, past: list[Line], display: Display) -> Watch:
    valid = [line for line in past if line["kind"] == "valid"]
    known = {line["name"] for line in past if line["kind"] == "doctor"}
    return Watch(Case(own, system.model.latent, system.objective.end, valid), known, display.say)


def _opening(own: Config, system: System, corpus: Corpus, memory: Memory) -> str:
    count = sum(p.numel() for p in system.parameters())
    start = f"from step {memory.step}" if memory.step else "from the beginning"
    how = f"{own['device']}, {own['precision']}, {own['threads']} threads"
    return f"Training {count:,} parameters on {len(corpus.train):,} sentences, seed {own['seeds'][0]}, {start} ({how})."


def _resolved(given: Config, seed: int, folder: Path) -> Config:
    """The configuration of one run, with what ``auto`` and null stand for on this machine."""
    device = resolve_device(given["device"])
    return {
        **given,
        "corpus": os.path.abspath(given["corpus"]),
        "out": os.path.abspath(folder),
        "seeds": [seed],
        "device": str(device),
        "precision": resolve(given["precision"], device).name,
        "threads": given["threads"] or torch.get_num_threads(),
        "resume": False,
    }


def _make_folder(folder: Path, corpus: Corpus, system: System) -> None:
    """What a run needs beside its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(corpus.folder / "tokenizer.json", folder / TOKENIZER)
    info = {
        "corpus": corpus.hash,
        "vocab_size": corpus.vocab_size,
        "lowercase": corpus.info["settings"]["lowercase"],
        "latent": system.model.latent,
        "event": event(system.model),
        "settled": system.objective.end,
        "undersong": version("undersong"),
        "torch": torch.__version__,
    }
    write_atomically(folder / INFO, json.dumps(info, indent=1).encode())
