"""What ``train`` promises of its folder, its record, its seeds and its stopping."""

import json
import math
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tests.families.own import DiagonalGamma, DiagonalLaplace
from tests.learning.small import TINY, last_weights, learn, make_corpus

from undersong.decoding import sample
from undersong.draw import FINAL, Draw, joined
from undersong.errors import UserError
from undersong.evaluation import evaluate
from undersong.families import IsotropicGaussian, PointMass, StandardPrior
from undersong.files import held
from undersong.inference import Amortized
from undersong.learning import Run, train
from undersong.learning.device import resolve_device
from undersong.learning.doctor import doctor
from undersong.learning.record import Record, read_record
from undersong.learning.validation import Validation, figures
from undersong.models import LanguageModel
from undersong.nets import RecurrentDecoder
from undersong.objectives import ELBO, Autoencoder, AutoGen, Beta, FreeBitsMeanDimension, Linear, TargetRate


def test_a_run_is_a_folder_that_works_without_its_corpus(corpus, tmp_path):
    run = learn(corpus, tmp_path / "run", epochs=4)
    first, *_, last = [line for line in run.metrics() if line["kind"] == "valid"]
    assert last["objective"] > first["objective"]
    assert run.name == "run"
    assert run.corpus().vocab_size == 50
    assert not run.system.training
    assert run.tokenizer.encode("w0 w1") == [4, 5]
    assert {"config.yaml", "run.json", "tokenizer.json", "metrics.jsonl", "checkpoints"} == {
        p.name for p in run.path.iterdir()
    }
    config = run.config | {"corpus": str(tmp_path / "gone")}
    with pytest.raises(UserError, match="gone"):
        Run(run.path, config, run.info, run.system, run.tokenizer, run.step).corpus()


def test_the_record_has_its_documented_keys_and_finite_numbers(corpus, tmp_path):
    run = learn(corpus, tmp_path / "run")
    lines = [json.loads(text) for text in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert lines == run.metrics()
    train_lines = [line for line in lines if line["kind"] == "train"]
    valid = [line for line in lines if line["kind"] == "valid"]
    keys = {"kind", "step", "epoch", "seconds"}
    measured = {"loss", "gradient_norm", "reconstruction", "kl", "sentences", "tokens", "tokens_per_second"}
    assert all(set(line) == keys | measured for line in train_lines)
    held = {"objective", "elbo", "reconstruction", "kl", "kl_percent", "active_units", "dead_units", "best"}
    assert all(set(line) == keys | held for line in valid)
    assert len(valid) == 3
    assert sum(line["sentences"] for line in train_lines) == 3 * 240
    assert all(math.isfinite(v) for line in lines for v in line.values() if isinstance(v, float))
    for line in valid:
        assert line["kl_percent"] == pytest.approx(100 * line["kl"] / -line["objective"])


def test_what_a_model_does_not_define_is_null(corpus, tmp_path):
    point = partial(TINY["inference"], family=PointMass)
    run = learn(corpus, tmp_path / "ae", inference=point, objective=Autoencoder())
    line = run.metrics()[-1]
    assert (line["kl"], line["kl_percent"], line["elbo"]) == (None, None, None)
    assert line["active_units"] is not None
    small = partial(LanguageModel, decoder=partial(RecurrentDecoder, embedding=6, hidden=8))
    run = learn(corpus, tmp_path / "lm", model=small, inference=Amortized)
    line = run.metrics()[-1]
    assert (line["kl"], line["kl_percent"], line["active_units"]) == (None, None, None)
    assert line["elbo"] == pytest.approx(line["objective"])
    assert run.config["inference"]["class_path"].endswith(".Exact")


def test_a_point_without_density_cannot_have_an_elbo(corpus, tmp_path):
    with pytest.raises(UserError, match="point mass"):
        learn(corpus, tmp_path / "run", inference=partial(TINY["inference"], family=PointMass))
    assert not (tmp_path / "run").exists()


def test_several_seeds_are_several_runs_each_as_if_alone(corpus, tmp_path):
    runs = train(corpus, out=tmp_path / "all", **TINY, seeds=[0, 3])
    assert [run.path.name for run in runs] == ["seed-0", "seed-3"]
    alone = learn(corpus, tmp_path / "alone", seeds=[3])
    assert last_weights(alone.path) == last_weights(runs[1].path)
    assert last_weights(alone.path) != last_weights(runs[0].path)
    with pytest.raises(UserError, match=r"seed-0 is a run of one seed: of several, --out is the folder that holds"):
        train(corpus, out=runs[0].path, **TINY, seeds=[0, 3], resume=True)
    with pytest.raises(UserError, match=r"holds no run .* name one of those in it, such as .*all/seed-0\.$"):
        Run.load(tmp_path / "all")


def test_a_folder_that_exists_is_refused(corpus, tmp_path):
    learn(corpus, tmp_path / "run", steps=2)
    before = last_weights(tmp_path / "run")
    with pytest.raises(UserError, match="exists already"):
        learn(corpus, tmp_path / "run", steps=4)
    assert last_weights(tmp_path / "run") == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(UserError, match="not a run's folder"):
        learn(corpus, tmp_path / "other", resume=True)


def test_two_processes_never_train_in_one_folder(corpus, tmp_path):
    """Or the weights of one would lie beside the configuration of the other."""
    out = tmp_path / "run"
    with held(out):
        with pytest.raises(UserError, match="Another process trains in"):
            learn(corpus, out)
        assert list(out.iterdir()) == []
    learn(corpus, out, epochs=1)
    with held(out), pytest.raises(UserError, match="Another process trains in"):
        learn(corpus, out, resume=True)
    assert learn(corpus, out, resume=True).step == 30


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:500])])
def test_a_damaged_corpus_is_refused_before_a_folder_is_made(tmp_path, harm):
    folder = make_corpus(tmp_path / "corpus")
    harm(folder / "train.arrow")
    with pytest.raises(UserError, match="damaged or missing"):
        learn(folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", ["{}", "null", "{"])
def test_a_run_whose_facts_are_damaged_is_refused_clearly(corpus, tmp_path, content):
    run = learn(corpus, tmp_path / "run", steps=1)
    (run.path / "run.json").write_text(content)
    for use in (Run.load, doctor, lambda path: learn(corpus, path, resume=True)):
        with pytest.raises(UserError, match=r"run\.json is damaged or missing"):
            use(run.path)


def test_training_leaves_the_callers_randomness_and_threads_alone(corpus, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    learn(corpus, tmp_path / "run", steps=3)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_looking_at_held_out_sentences_changes_nothing_that_is_learned(corpus, tmp_path):
    often = learn(corpus, tmp_path / "often", validation_steps=1, validation_sentences=7)
    seldom = learn(corpus, tmp_path / "seldom", validation_steps=30)
    assert last_weights(often.path) == last_weights(seldom.path)


def test_the_held_out_value_is_the_objective_at_its_final_coefficients_over_the_whole_split(corpus, tmp_path):
    """Sentences interact in this objective: a mean over batches would be another number."""
    objective = FreeBitsMeanDimension(bits=Linear(3.0, 0.05, steps=10_000))
    run = learn(corpus, tmp_path / "run", epochs=1, objective=objective)
    split = run.corpus().valid
    small, large = (Validation(split, None, size, 0, torch.device("cpu"))(run.system) for size in (7, 60))
    for name, value in small.items():
        assert value == pytest.approx(large[name], rel=1e-5), name
    x = split.batch(range(len(split)))
    q = run.system.posterior(x, FINAL)
    d = run.system.draw(x, q, q.mean[None], FINAL)
    rate = d.kl_parts.mean(0).clamp(min=0.05).sum().item()
    assert small["reconstruction"] + small["objective"] == pytest.approx(-rate, abs=1e-4)
    batchwise = [FreeBitsMeanDimension(0.05)(joined([d])).mean().item()]
    assert math.isfinite(batchwise[0])


def test_held_out_sentences_are_looked_at_without_dropout(corpus, tmp_path):
    run = learn(corpus, tmp_path / "run", steps=2)  # of a model with dropout
    validation = Validation(run.corpus().valid, None, 24, 0, torch.device("cpu"))
    run.system.eval()
    figures_without = validation(run.system)
    run.system.train()
    assert validation(run.system) == figures_without
    assert run.system.training


@pytest.mark.parametrize(
    ("objective", "percent"),
    [
        (ELBO(), 100 * 2 / 12),
        (AutoGen(1.0), 100 * 2 / 22),
        (Beta(0.3), 100 * 0.3 * 2 / 10.6),
        (TargetRate(0.5, beta=2.0), 100 * 2 * 2 / 13),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_share_of_the_rate_is_counted_with_the_objectives_own_factor(objective, percent):
    """A distortion of 10 nats and a rate of 2: -objective is 12, 22, 10 + 0.3 * 2, and 10 + 2 |2 - 0.5|."""
    system = SimpleNamespace(objective=objective, model=SimpleNamespace(latent=2))
    zeros = torch.zeros(1, 3)
    d = Draw(log_px=torch.full((1, 3), -10.0), log_pz=zeros, log_qz=zeros, parts=torch.ones(3, 2), step=FINAL)
    assert figures(system, d, torch.zeros(3, 2))["kl_percent"] == pytest.approx(percent)


def test_batches_may_be_bounded_by_tokens(corpus, tmp_path):
    run = learn(corpus, tmp_path / "run", tokens=40, steps=5)
    lines = [line for line in run.metrics() if line["kind"] == "train"]
    assert all(line["tokens"] <= 5 * 40 for line in lines)


def test_choices_that_cannot_be_are_said_clearly(corpus, tmp_path):
    for wrong, words in [
        ({"device": "tpu"}, "not known"),
        ({"device": "cpu:foo"}, "not known"),
        ({"device": "cpu:1"}, "numbered from 0 to 0"),
        ({"precision": "fp8"}, "not known"),
        ({"seeds": []}, "at least one"),
        ({"seeds": [1, 1]}, "each once"),
        ({"patience": 0}, "patience is 0: it must be at least 1"),
        ({"epochs": -1}, "epochs is -1"),
        ({"validation_steps": 0}, "validation_steps is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"checkpoint_seconds": math.nan}, "checkpoint_seconds is nan: it must be at least 0"),
        ({"validation_sentences": -1}, "validation_sentences is -1: it must be at least 0"),
    ]:
        with pytest.raises(UserError, match=words):
            learn(corpus, tmp_path / "run", **wrong)
    with pytest.raises(UserError, match="no latent variable to infer"):
        learn(corpus, tmp_path / "run", model=LanguageModel)
    with pytest.raises(UserError, match="no prepared corpus"):
        learn(tmp_path / "nothing", tmp_path / "run")
    with pytest.raises(UserError, match="cannot be written"):
        learn(corpus, tmp_path / "run", objective=lambda d: d.log_px[0])
    assert not (tmp_path / "run").exists()


def test_any_combination_needs_no_subclass(corpus, tmp_path):
    run = learn(corpus, tmp_path / "run", inference=partial(TINY["inference"], family=IsotropicGaussian), steps=2)
    assert run.system.posterior(run.corpus().valid.batch([0])).variance.unique().numel() == 1
    assert isinstance(run.system.objective, ELBO)


def test_a_family_of_ones_own_is_trained_judged_and_sampled(corpus, tmp_path):
    run = learn(
        corpus,
        tmp_path / "run",
        model=partial(TINY["model"], prior=partial(StandardPrior, family=DiagonalLaplace)),
        inference=partial(TINY["inference"], family=DiagonalLaplace),
    )
    found = evaluate(run, samples=20, subset=10)
    assert found["elbo"] == pytest.approx(-found["reconstruction"] - found["kl"])
    assert found["nll_is"] < -found["elbo"] + 1
    assert len(sample(run, 3)) == 3


def test_a_posterior_whose_held_out_draws_are_undefined_is_refused_before_a_folder_is_made(corpus, tmp_path):
    with pytest.raises(UserError, match=r"Held-out sentences could not be judged: Independent of Gamma .*icdf"):
        learn(corpus, tmp_path / "run", inference=partial(TINY["inference"], family=DiagonalGamma))
    assert not (tmp_path / "run").exists()


def test_without_held_out_sentences_the_last_step_is_kept_and_it_is_said(tmp_path, capsys):
    """And it is the step that was asked for, though nothing else happens there."""
    alone = make_corpus(tmp_path / "corpus", held=0)
    run = learn(alone, tmp_path / "run", steps=13, quiet=False)
    assert "No sentences are held out" in capsys.readouterr().err
    assert run.step == 13
    assert [(line["kind"], line["step"]) for line in run.metrics()] == [("train", 10), ("train", 13)]


def test_auto_never_takes_mps_which_has_no_float64(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    assert resolve_device("mps").type == "mps"


def test_a_record_shorter_than_its_checkpoint_says_is_not_filled_up(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"kind": "train", "step": 1}\n{"kind": "tr')  # cut inside a line
    record = Record(path, size=500)
    record.write({"kind": "train", "step": 2})
    assert record.flushed() == path.stat().st_size
    record.close()
    assert [line["step"] for line in read_record(path)] == [1, 2]
