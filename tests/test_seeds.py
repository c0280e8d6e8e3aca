"""A seed may be any integer, negative or huge, wherever one is typed: it is used, and no other stands for it."""

import inspect
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.evaluation.toy import toy_corpus, vae
from tests.learning.small import learn, make_corpus

from undersong import cli
from undersong.decoding.sampling import uniforms
from undersong.evaluation.classification import Classification
from undersong.evaluation.code_clusters import CodeClusters
from undersong.evaluation.probe import ProbeTraining
from undersong.evaluation.subject import Subject
from undersong.evaluation.suite import examine
from undersong.inference import Exact
from undersong.learning import EM
from undersong.measures.shape import tsne
from undersong.models import HMM

SEEDS = (-1, -2, 2**70)
FEW = ["--search", "sample", "--max-words", "4"]
SUITE = ["--samples", "1", "--subset", "2", "--measures", "[Reconstruction, Lengths, Smoothness]"]
TYPED = {
    "vectors": ["{corpus}", "--size", "4", "--out", "{new}.safetensors"],
    "evaluate": ["{vae}", *SUITE],
    "reconstruct": ["{vae}", "w1 w2", "--posterior", "sample", *FEW],
    "sample": ["{vae}", "--n", "2", *FEW],
    "impute": ["{vae}", "w1 _ w2", *FEW],
    "interpolate": ["{vae}", "w1 w2", "w3 w4", "--posterior", "sample", *FEW],
    "encode": ["{vae}", "w1 w2", "--posterior", "sample", "--out", "{new}.npy"],
    "compare": ["{vae}", "--out", "{new}.html", "--sentences", "2", "--samples", "1"],
}
CASES = [*([name, *words] for name, words in TYPED.items()), ["sample", "{hmm}", "--n", "2"], ["evaluate", "{hmm}"]]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("seeds")
    corpus = make_corpus(folder / "corpus", 24, 6)
    learn(corpus, folder / "vae", epochs=1)
    learn(corpus, folder / "hmm", epochs=1, model=partial(HMM, states=2), inference=Exact, learner=EM)
    return {name: folder / name for name in ("corpus", "vae", "hmm")}


def test_every_command_that_takes_a_seed_is_tried() -> None:
    takes = {name for name in cli.COMMANDS if "seed" in inspect.signature(cli._function(name)).parameters}
    assert takes - {"demo"} == TYPED.keys()  # demo trains first, which has its own bounds


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("typed", CASES, ids=" ".join)
def test_a_command_takes_any_seed(
    typed: list[str], seed: int, places: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.format(**places, new=tmp_path / "new") for word in typed]
    assert cli.main([*words, "--seed", str(seed)]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("seed", SEEDS)
def test_measures_of_codes_take_any_seed(seed: int, tmp_path: Path) -> None:
    corpus = toy_corpus(tmp_path, train=60, test=10)
    probes = ProbeTraining(copies=1, epochs=1, least_updates=1)
    answers = examine(Subject(vae(corpus), corpus, seed=seed), [Classification((6,), training=probes), CodeClusters(3)])
    assert not answers.left_out
    assert tsne(np.eye(5), seed).shape == (5, 2)


def test_neighbouring_seeds_give_words_different_noise() -> None:
    drawn = [next(uniforms(torch.tensor([1, 2]), seed)) for seed in (-1, -2, 2**63, 2**63 + 1)]
    assert len({tuple(each.tolist()) for each in drawn}) == 4
