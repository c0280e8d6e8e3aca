"""Expectation maximisation from the command line to a folder: found by name, stopped with a reason, resumed."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.learning.small import WORDS, last_weights

from undersong import cli
from undersong.data.store import SPLITS
from undersong.data.tokens import Tokenizer
from undersong.data.writer import SplitWriter
from undersong.decoding import impute, sample
from undersong.errors import UserError
from undersong.inference import Amortized, Observed
from undersong.learning import EM, GeneralizedEM, Gradient, Run, StepwiseEM, ViterbiEM, train
from undersong.models import ContinuousNaiveBayes, Generative, MixtureOfExperts, MixtureOfRNNs, MixtureOfUnigrams
from undersong.nets import BagEncoder, FirstWords, RecurrentDecoder, RecurrentEncoder
from undersong.objectives import Beta

PLAIN: dict[str, Any] = {"sentences": 24, "precision": "fp32", "device": "cpu", "threads": 1, "quiet": True}
UNIGRAMS = partial(MixtureOfUnigrams, latent=4)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences of three classes with words of their own; every third label is known."""
    folder = tmp_path_factory.mktemp("data") / "corpus"
    folder.mkdir()
    random = np.random.default_rng(0)
    tokenizer = Tokenizer.of_words(WORDS)
    tokenizer.save(folder / "tokenizer.json")
    for name, count in zip(SPLITS, (240, 60, 60), strict=True):
        writer = SplitWriter(folder / f"{name}.arrow", len(tokenizer), True)
        for number in range(count):
            label = int(random.integers(3))
            length = int(random.integers(2, 7))
            ids = np.where(random.random(length) < 0.4, 4 + 15 * label, 4) + random.integers(0, 15, length)
            known = np.array([label if number % 3 == 0 else -1])
            writer.append(ids, np.array([length]), known)
        writer.close()
    info = {"hash": "labelled", "vocab_size": len(tokenizer), "labels": ["a", "b", "c"]}
    (folder / "corpus.json").write_text(json.dumps({**info, "settings": {"lowercase": True}}))
    return folder


def test_short_names_from_the_command_line(labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = (
        "--model MixtureOfUnigrams --model.latent 3 --learner EM --learner.restarts 2 --learner.tolerance 0.001 "
        "--epochs 60 --threads 1"
    )
    assert cli.main(["train", str(labelled), "--out", str(tmp_path / "run"), *flags.split()]) == 0
    assert "EM has converged after" in capsys.readouterr().err
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["inference"]["class_path"].endswith(".Exact")
    assert config["estimator"]["class_path"].endswith(".Marginal")
    assert config["learner"]["init_args"] == {"restarts": 2, "tolerance": 1e-3}
    run = Run.load(tmp_path / "run")
    found = [line["objective"] for line in run.metrics() if line["kind"] == "train" and "objective" in line]
    assert len(found) < 60
    assert sorted(found) == found
    valid = [line for line in run.metrics() if line["kind"] == "valid"]
    assert valid[-1]["elbo"] == pytest.approx(valid[-1]["objective"])
    again = ["train", str(labelled), "--out", str(tmp_path / "run"), *flags.split(), "--resume", "true"]
    assert cli.main(again) == 0
    assert "trained already" in capsys.readouterr().err
    assert Run.load(tmp_path / "run").metrics() == run.metrics()


@pytest.mark.parametrize("learner", [partial(EM, restarts=3), ViterbiEM, StepwiseEM, GeneralizedEM])
@pytest.mark.parametrize("stop", [13, 20])
def test_a_run_resumed_ends_with_the_same_bits(labelled: Path, tmp_path: Path, learner: Any, stop: int) -> None:
    """Ten batches an epoch: once within the second epoch, and once at its end."""
    choices = {**PLAIN, "model": UNIGRAMS, "learner": learner}
    train(labelled, out=tmp_path / "whole", epochs=4, **choices)
    train(labelled, out=tmp_path / "parts", steps=stop, **choices)
    train(labelled, out=tmp_path / "parts", steps=40, resume=True, **choices)
    assert last_weights(tmp_path / "whole") == last_weights(tmp_path / "parts")


def test_labels_are_believed_where_they_are_known(labelled: Path, tmp_path: Path) -> None:
    (run,) = train(labelled, out=tmp_path / "run", **PLAIN, model=UNIGRAMS, inference=Observed, learner=EM, epochs=9)
    split = run.corpus().train
    x = split.batch([i for i in range(240) if split.labels[i] >= 0])
    assert float((run.system.model.posterior(x).mode == x.labels).double().mean()) > 0.8


@pytest.mark.parametrize("learner", [EM, ViterbiEM, StepwiseEM, GeneralizedEM])
def test_another_objective_is_refused_before_anything_is_written(labelled: Path, tmp_path: Path, learner: Any) -> None:
    with pytest.raises(UserError, match=f"{learner.__name__} maximises log p.* never Beta: leave --objective alone"):
        train(labelled, out=tmp_path / "run", **PLAIN, model=UNIGRAMS, learner=learner, objective=Beta(0.5), epochs=1)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("learner", "said"), [(Gradient, True), (EM, False), (GeneralizedEM, False)])
def test_tables_trained_by_gradients_are_told_of_em(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], learner: Any, said: bool
) -> None:
    train(labelled, out=tmp_path / "run", **{**PLAIN, "quiet": False}, model=UNIGRAMS, learner=learner, epochs=1)
    assert ("MixtureOfUnigrams is learned faster by --learner EM" in capsys.readouterr().err) is said


DECODER = partial(RecurrentDecoder, embedding=5, hidden=6)


@pytest.mark.parametrize(
    "model",
    [
        partial(MixtureOfRNNs, latent=2, decoder=DECODER),
        partial(MixtureOfRNNs, latent=2, decoder=DECODER, separate=True),
        partial(
            MixtureOfExperts,
            latent=2,
            context=partial(FirstWords, encoder=partial(RecurrentEncoder, embedding=4, hidden=5)),
            decoder=DECODER,
        ),
    ],
)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_deep_mixtures_train_by_default_choices(labelled: Path, tmp_path: Path, model: Any, precision: str) -> None:
    (run,) = train(labelled, out=tmp_path / "run", **{**PLAIN, "precision": precision}, model=model, epochs=3)
    assert run.config["estimator"]["class_path"].endswith(".Marginal")
    losses = [line["loss"] for line in run.metrics() if line["kind"] == "train"]
    assert losses[-1] < losses[0]
    with pytest.raises(UserError, match="no latent vector"):
        impute(run, ["w1 _"])
    if isinstance(run.system.model, Generative):
        assert len(sample(run, 3)) == 3
    else:
        with pytest.raises(UserError, match="cannot write sentences by itself"):
            sample(run, 3)


@pytest.mark.parametrize("hidden", [0, 8])
def test_continuous_naive_bayes_trains_as_a_vae(labelled: Path, tmp_path: Path, hidden: int) -> None:
    (run,) = train(
        labelled,
        out=tmp_path / "run",
        **PLAIN,
        model=partial(ContinuousNaiveBayes, latent=3, hidden=hidden),
        inference=partial(Amortized, encoder=partial(BagEncoder, embedding=6, hidden=7)),
        learner=partial(Gradient, lr=0.01),
        epochs=5,
    )
    values = [line["objective"] for line in run.metrics() if line["kind"] == "valid"]
    assert values[-1] > values[0]
