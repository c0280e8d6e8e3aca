"""Hidden Markov models from the command line: trained, described, loaded, and scored again."""

from pathlib import Path

import pytest
import torch
import yaml
from tests.learning.small import make_corpus

from undersong.cli import main
from undersong.data.store import Corpus
from undersong.learning import Run

SHORT = ["--epochs", "2", "--quiet", "true", "--device", "cpu", "--precision", "fp32", "--threads", "1"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("data") / "corpus")


@pytest.fixture(scope="module")
def vectors(corpus: Path) -> Path:
    out = corpus.parent / "vectors.safetensors"
    assert main(["vectors", str(corpus), "--out", str(out), "--size", "6"]) == 0
    return out


CASES = {
    "HMM": ["--model", "HMM", "--model.states", "4", "--learner", "EM", "--learner.restarts", "2"],
    "Viterbi": ["--model", "HMM", "--model.states", "4", "--learner", "ViterbiEM"],
    "stepwise": ["--model", "HMM", "--model.states", "4", "--learner", "StepwiseEM"],
    "gradient": ["--model", "HMM", "--model.states", "4", "--learner.lr", "0.05"],
    "NeuralHMM": ["--model", "NeuralHMM", "--model.states", "4", "--model.size", "8"],
    "GaussianHMM": ["--model", "GaussianHMM", "--model.states", "4", "--model.vectors", "VECTORS", "--learner", "EM"],
    "projected": [
        *("--model", "GaussianHMM", "--model.states", "4", "--model.vectors", "VECTORS", "--learner", "EM"),
        *("--model.projection", "Coupling", "--model.projection.layers", "2", "--model.gaussians", "TiedComponents"),
    ],
    "FactorialHMM": ["--model", "FactorialHMM", "--model.chains", "2", "--model.states", "2", "--learner", "EM"],
    "mean field": [
        *("--model", "FactorialHMM", "--model.chains", "2", "--model.states", "2", "--learner", "EM"),
        *("--model.emission", "GaussianSum", "--model.emission.vectors", "VECTORS"),
        *("--inference", "StructuredMeanField", "--inference.sweeps", "3"),
    ],
    "SemiMarkovHMM": [
        *("--model", "SemiMarkovHMM", "--model.states", "3", "--model.longest", "2"),
        *("--model.segments", "RecurrentSegments", "--model.segments.size", "6"),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_train_and_load(case: str, corpus: Path, vectors: Path, tmp_path: Path):
    flags = [str(vectors) if flag == "VECTORS" else flag for flag in CASES[case]]
    assert main(["train", str(corpus), "--out", str(tmp_path / "run"), *flags, *SHORT]) == 0
    run = Run.load(tmp_path / "run")
    x = Corpus.open(corpus).valid.batch(range(10))
    value = run.system.posterior(x).log_partition
    assert torch.isfinite(value).all()
    written = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert written["estimator"]["class_path"].endswith("Marginal")
    again = ["train", "--config", str(tmp_path / "run" / "config.yaml"), "--out", str(tmp_path / "again")]
    assert main(again) == 0
    assert torch.equal(Run.load(tmp_path / "again").system.posterior(x).log_partition, value)


def test_gaussians_without_vectors_are_refused_in_a_sentence(corpus: Path, tmp_path: Path, capsys):
    assert main(["train", str(corpus), "--out", str(tmp_path / "run"), "--model", "GaussianHMM", *SHORT]) == 2
    assert "undersong vectors CORPUS" in capsys.readouterr().err
