"""Grammars from the command line: found by their short names, trained by every learner, opened again, judged."""

import math
from pathlib import Path

import pytest
import torch
import yaml
from tests.models.planted import drawn, english, tags

from undersong import cli
from undersong.data.store import Corpus
from undersong.learning import Run

SMALL = "--model.nonterminals 3 --model.preterminals 4"


def sentences(model, n):
    _, x = drawn(model, n, seed=0)
    return [[f"w{i}" for i in row[:length]] for row, length in zip(x.tokens.tolist(), x.lengths.tolist(), strict=True)]


def prepared(folder: Path, lines: list[str], name: str = "lines.txt") -> Path:
    (folder / name).write_text("\n".join(lines) + "\n")
    flags = ["--min_words", "1", "--max_words", "12", "--splits", "[0.8,0.2,0.0]", "--show_progress", "false"]
    assert cli.main(["prepare", str(folder / name), "--out", str(folder / "corpus"), *flags]) == 0
    return folder / "corpus"


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [" ".join(s) for s in sentences(english(), 200)]
    return prepared(tmp_path_factory.mktemp("words"), lines)


@pytest.fixture(scope="module")
def pos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [" ".join(s) for s in sentences(tags(), 200)]
    return prepared(tmp_path_factory.mktemp("pos"), lines)


def learn(corpus: Path, out: Path, flags: str) -> Run:
    common = "--epochs 3 --sentences 32 --threads 1 --device cpu --precision fp32 --quiet true"
    assert cli.main(["train", str(corpus), "--out", str(out), *flags.split(), *common.split()]) == 0
    return Run.load(out)


@pytest.mark.parametrize(
    "flags",
    [
        f"--model PCFG {SMALL} --learner EM",
        f"--model PCFG {SMALL} --learner EM --learner.restarts 2",
        f"--model PCFG {SMALL} --learner ViterbiEM",
        f"--model PCFG {SMALL} --learner StepwiseEM",
        f"--model PCFG {SMALL} --learner Gradient --learner.lr 0.1",
        f"--model NeuralPCFG {SMALL} --model.size 16",
        f"--model NeuralPCFG {SMALL} --model.size 16 --learner GeneralizedEM --learner.steps 2",
    ],
)
def test_exact_grammars_train_from_the_command_line(words, tmp_path, flags):
    run = learn(words, tmp_path / "run", flags)
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["inference"]["class_path"].endswith(".Exact")
    assert config["estimator"]["class_path"].endswith(".Marginal")
    values = [line["objective"] for line in run.metrics() if line["kind"] == "valid"]
    assert all(math.isfinite(v) for v in values)
    assert values[-1] > values[0] or "Viterbi" in flags
    x = run.corpus().valid.batch(range(9))
    assert run.system.model.posterior(x).mode.shape == (9, *[x.tokens.shape[1]] * 2)


def test_a_compound_grammar_trains_like_a_vae(words, tmp_path):
    flags = f"--model CompoundPCFG {SMALL} --model.size 16 --model.latent 3 --inference.encoder.hidden 16"
    run = learn(words, tmp_path / "run", flags)
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["inference"]["class_path"].endswith(".Amortized")
    values = [line["elbo"] for line in run.metrics() if line["kind"] == "valid"]
    assert values[-1] > values[0]
    x = run.corpus().valid.batch(range(9))
    q = run.system.posterior(x)
    assert run.system.model.structure(x, q.mean).mode.shape == (9, *[x.tokens.shape[1]] * 2)


@pytest.mark.parametrize(
    "flags",
    [
        "--model DMV --learner EM",
        "--model DMV --model.harmonic null --model.child_valence true --learner EM --learner.restarts 2",
        "--model DMV --learner ViterbiEM",
        "--model DMV --learner Gradient --learner.lr 0.1",
        "--model NeuralDMV --model.size 8 --model.hidden 8",
        "--model NeuralDMV --model.size 8 --model.hidden 8 --learner EM",
        "--model NeuralDMV --model.size 8 --model.hidden 8 --learner GeneralizedEM",
    ],
)
def test_dependency_models_train_from_the_command_line(pos, tmp_path, flags):
    run = learn(pos, tmp_path / "run", flags)
    values = [line["objective"] for line in run.metrics() if line["kind"] == "valid"]
    assert all(math.isfinite(v) for v in values)
    x = run.corpus().valid.batch(range(9))
    heads = run.system.model.posterior(x).mode
    assert ((heads == 0) & x.mask[:, 1:]).sum(1).tolist() == [1] * 9  # a single root each


def test_bracketed_trees_train_semi_supervised(tmp_path):
    lines = [
        f"(TOP (S (NP (D a{i % 5}) (N b{i % 7})) (VP (V c{i % 3}) (NP (D a{i % 4}) (N b{i % 6})))))" for i in range(80)
    ]
    corpus = prepared(tmp_path, lines, "trees.ptb")
    assert Corpus.open(corpus).train.batch([0]).spans is not None
    run = learn(corpus, tmp_path / "run", f"--model PCFG {SMALL} --learner EM --inference Observed")
    x = run.corpus().valid.batch(range(3))
    found = run.system.model.posterior(x).mode
    assert (found[:, 0, 1] >= 0).all()
    assert (found[:, 3, 4] >= 0).all()


def test_one_word_is_refused_in_one_sentence(tmp_path, capsys):
    corpus = prepared(tmp_path, ["a b c", "b a", "c"] * 30)
    capsys.readouterr()
    flags = f"--model PCFG {SMALL} --learner EM --threads 1 --quiet true".split()
    assert cli.main(["train", str(corpus), "--out", str(tmp_path / "run"), *flags]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert "--min-words 2" in said[-1]


def test_trained_grammars_write_sentences_of_their_own_words(words, tmp_path):
    run = learn(words, tmp_path / "run", f"--model PCFG {SMALL} --learner EM")
    _, x = run.system.model.sample(20, max_words=10, generator=torch.Generator().manual_seed(0))
    assert all(run.tokenizer.tokens(row[:n].tolist()) for row, n in zip(x.tokens, x.lengths.tolist(), strict=True))
    assert not torch.isin(x.tokens[x.mask[:, 1:]], torch.tensor([0, 2, 3])).any()
