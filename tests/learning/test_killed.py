"""A run killed at any moment and resumed ends with the same bits; a run asked to stop says how to go on."""

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from tests.learning.small import last_weights, learn

from undersong.inference import Exact
from undersong.learning import EM
from undersong.learning.record import read_record
from undersong.models import MixtureOfUnigrams

PROGRAM = """
import os, sys, time
sys.path.insert(0, {root!r})
from functools import partial
from tests.learning.small import learn
from undersong.inference import Exact
from undersong.learning import EM
from undersong.models import MixtureOfUnigrams
flush = os.fsync
os.fsync = lambda file: (time.sleep(0.01), flush(file))  # a slow disk
print("ready", flush=True)
try:
    learn({corpus!r}, {out!r}, {settings}, resume=True, quiet=False)
except KeyboardInterrupt:
    sys.exit(130)  # as the command line does
"""
ROOT = str(Path(__file__).resolve().parents[2])


def begin(corpus: Path, out: Path, settings: str) -> subprocess.Popen[str]:
    """A run in a process of its own, past its imports."""
    program = PROGRAM.format(root=ROOT, corpus=str(corpus), out=str(out), settings=settings)
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def events(path: Path) -> list[dict[str, object]]:
    """The record without what a clock says."""
    timed = ("seconds", "tokens_per_second")
    return [{k: v for k, v in line.items() if k not in timed} for line in read_record(path / "metrics.jsonl")]


def test_killed_at_any_moment_it_ends_the_same(corpus, tmp_path):
    """Five kills: three as soon as a checkpoint is seen in the making, two at any time."""
    settings = {"epochs": 30, "checkpoint_seconds": 0.0, "validation_steps": 7}
    whole = learn(corpus, tmp_path / "whole", **settings)
    randomly = random.Random(11)
    out = tmp_path / "run"
    halves = 0
    for attempt in range(6):
        process = begin(corpus, out, ", ".join(f"{name}={value}" for name, value in settings.items()))
        if attempt < 5:
            time.sleep(randomly.uniform(0.1, 0.8))
            while attempt % 2 == 0 and process.poll() is None and not list(out.glob("checkpoints/writing-*")):
                time.sleep(0.001)
            assert process.poll() is None, "it ended before it could be killed"
            process.kill()
        process.wait()
        halves += bool(list(out.glob("checkpoints/writing-*")))
    assert process.returncode == 0
    assert halves >= 2
    assert last_weights(out) == last_weights(whole.path)
    assert events(out) == events(whole.path)


def test_em_killed_between_two_of_its_restarts_ends_the_same(corpus, tmp_path):
    """EM keeps its counts and every restart's parameters in the learner's part of a checkpoint."""
    settings = {"epochs": 5, "checkpoint_seconds": 0.0, "validation_steps": 7}
    written = (
        "model=partial(MixtureOfUnigrams, latent=3), inference=Exact, learner=partial(EM, restarts=2, tolerance=0)"
    )
    choices = {"model": partial(MixtureOfUnigrams, latent=3), "inference": Exact}
    whole = learn(corpus, tmp_path / "whole", **settings, **choices, learner=partial(EM, restarts=2, tolerance=0))
    out = tmp_path / "run"
    for attempt in range(2):
        process = begin(corpus, out, ", ".join([written, *(f"{name}={value}" for name, value in settings.items())]))
        if attempt == 0:
            while process.poll() is None and not list(out.glob("checkpoints/step-*")):
                time.sleep(0.001)
            time.sleep(0.15)
            assert process.poll() is None, "it ended before it could be killed"
            process.kill()
        process.wait()
    assert process.returncode == 0
    assert last_weights(out) == last_weights(whole.path)
    assert events(out) == events(whole.path)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_asked_to_stop_it_saves_and_says_how_to_go_on(corpus, tmp_path, sent, code):
    out = tmp_path / "run"
    settings = "epochs=400, checkpoint_seconds=1e9, validation_sentences=1"
    process = begin(corpus, out, settings)
    while not (out / "metrics.jsonl").exists():
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(sent)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code, said
    assert f"undersong train --config {out / 'config.yaml'} --resume true" in said
    newest = sorted((out / "checkpoints").iterdir())[-1]
    step = int(newest.name.removeprefix("step-"))
    assert step == read_record(out / "metrics.jsonl")[-1]["step"]
    learn(corpus, out, steps=step + 25, resume=True)
    whole = learn(corpus, tmp_path / "whole", steps=step + 25)
    assert last_weights(out) == last_weights(whole.path)
