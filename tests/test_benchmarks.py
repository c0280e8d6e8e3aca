"""Every benchmark runs, at a size that measures nothing, and notices an opponent that does other work than we do."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from benchmarks.sentence_vae import Sizes, Training, choices, memory_kept
from tests.house.source import ROOT

from undersong.evaluation.kept import path_of
from undersong.families import DiagonalGaussian, IsotropicGaussian
from undersong.objectives import ELBO, AutoGen

SMALL = "--sizes 300 16 32 4 --rounds 1 --threads 1"
BENCHMARKS = {
    "beam_search": "--sizes 300 32 128 16 --rounds 1 --threads 1 --parts 1 --learn 64 --steps 800",
    "importance_sampling": f"{SMALL} --samples 20 --cases 2 --sentences 2 --steps 5 --kept",
    "train_sentence_vae": f"{SMALL} --batches 2 --kept --seconds 1",
    "scaling": "--sizes 200 400 --batches 2 --rounds 1",
    "prepare": "--lines 2000 --runs 1",
    "hmm_em": "--sizes 5 200 100 --rounds 1",
    "pcfg_inside": "--sizes 4 6 6 8 4 --rounds 1 --threads 1",
    "dependency": "--words 6 --sentences 4 --rounds 1 --threads 1",
}
OPPONENTS_NONE = {"scaling"}  # measures us against ourselves

# Where and what breaks an opponent (`b` is the module), and the figure that tells.
BROKEN = {
    "beam_search": ("beam_search", "b.copy_lstm = lambda ours, theirs: None", "same"),
    "importance_sampling": ("sentence_vae", "b.copy_lstm = lambda ours, theirs: None", "difference_nats"),
    "train_sentence_vae": (
        "opponents.sentence_vae",
        "b.Trainer.step = lambda self, *x, step=b.Trainer.step: step(self, *x) / 2",
        "loss_ratio",
    ),
    "hmm_em": (
        "hmm_em",
        "b.OneStep = lambda words, *rest, step=b.OneStep: step(words[::-1].copy(), *rest)",
        "likelihood_apart",
    ),
    "pcfg_inside": (
        "pcfg_inside",
        "b.theirs = lambda s, n, f=b.theirs: f([s[0], s[1], s[2] * 1.01], n)",
        "log_z_apart",
    ),
    "dependency": ("dependency", "b.folded = lambda arcs: arcs[:, 1:, 1:]", "log_z_apart"),
}


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the benchmarks keep what they make once a machine."""
    return tmp_path_factory.mktemp("benchmarks")


def measure(name: str, place: Path, broken: str = "", more: str = "") -> subprocess.CompletedProcess[str]:
    """One run in a process of its own, as a user's; what breaks it is done in all the processes that it starts."""
    (place / "sitecustomize.py").write_text(broken)
    arguments = [f"benchmarks.{name}", *BENCHMARKS[name].split(), "--json", *more.split()]
    program = f"import sys, benchmarks.{name} as b; sys.argv = {arguments}; b.main()"
    path = os.pathsep.join([str(place), str(ROOT)])
    environment = os.environ | {"TMPDIR": str(place), "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_memory_is_kept_as_glibc_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        assert env["MALLOC_MMAP_THRESHOLD_"] == env["MALLOC_TRIM_THRESHOLD_"] == str(2**32)
        return subprocess.CompletedProcess(command, 0, '{"ratio": 2.0, "ratio_fp32": 1.0}')

    monkeypatch.setattr(subprocess, "run", run)
    assert memory_kept("train_sentence_vae", [], Sizes()) == {"ratio_kept": 2.0, "ratio_kept_fp32": 1.0}


def test_every_benchmark_is_tried() -> None:
    with_main = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "def main(" in path.read_text("utf-8")}
    assert with_main == set(BENCHMARKS)
    assert with_main - OPPONENTS_NONE - {"prepare"} == set(BROKEN)  # its opponent is a process of its own


def test_weights_of_other_settings_are_never_taken() -> None:
    """A benchmark trains once a machine; what it keeps is named after all that was chosen, and after the corpus."""
    usual = Training(AutoGen(100.0), steps=900, sentences=512)
    chosen = [
        (Sizes(), usual, DiagonalGaussian),
        (Sizes(), usual, IsotropicGaussian),
        (Sizes(hidden=256), usual, DiagonalGaussian),
        *((Sizes(), replace(usual, **one), DiagonalGaussian) for one in ({"lr": 1e-2}, {"steps": 800}, {"batch": 64})),
        *((Sizes(), replace(usual, **one), DiagonalGaussian) for one in ({"objective": ELBO()}, {"sentences": None})),
    ]
    corpora: list[Any] = [SimpleNamespace(folder=Path(), hash=name, vocab_size=9) for name in ("one", "other")]
    names = {path_of(corpus, "benchmark", choices(*one)) for corpus in corpora for one in chosen}
    assert len(names) == 16


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_prints_one_line_with_its_ratio(name: str, place: Path) -> None:
    done = measure(name, place)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["ratio"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_opponent_is_an_error(name: str, place: Path) -> None:
    module, sabotage, figure = BROKEN[name]
    done = measure(name, place, f"import benchmarks.{module} as b; {sabotage}")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(f"RuntimeError: {figure}")


@pytest.mark.slow
def test_a_decoder_that_writes_one_sentence_for_every_z_is_no_benchmark(place: Path) -> None:
    done = measure("beam_search", place, more="--steps 20")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("RuntimeError: distinct is 0.0")
