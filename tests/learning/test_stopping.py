"""When training stops before its last step, and what is then kept."""

import os
import shlex
import signal
from functools import partial

import pytest
from tests.learning.small import TINY, last_weights, learn, make_corpus

from undersong.cli import main
from undersong.errors import UserError
from undersong.families import LearnedPrior, Mixture
from undersong.inference import Amortized
from undersong.learning import EM, Gradient, Run, StepwiseEM, fit, start, train
from undersong.learning.validation import Figures, Validation
from undersong.models import MixtureOfUnigrams
from undersong.objectives import Beta, FreeBitsDimension, FreeBitsMeanDimension, Linear, Objective


def test_patience_waits_for_the_schedules_and_the_best_is_kept(corpus, tmp_path):
    """With a learning rate of nothing no look is better than the first: patience alone decides."""
    still = partial(Gradient, lr=0.0)
    run = learn(corpus, tmp_path / "now", learner=still, epochs=9, patience=2)
    assert [line["step"] for line in run.metrics() if line["kind"] == "valid"] == [10, 20, 30]
    assert run.step == 10
    waiting = Beta(Linear(0.0, 1.0, steps=45))
    run = learn(corpus, tmp_path / "waits", learner=still, objective=waiting, epochs=9, patience=2)
    assert run.metrics()[-1]["step"] == 60
    again = learn(corpus, tmp_path / "waits", learner=still, objective=waiting, epochs=9, patience=2, resume=True)
    assert again.metrics()[-1]["step"] == 60


def test_it_is_said_which_step_is_used_where_that_is_not_the_last(corpus, tmp_path, capsys):
    still = partial(Gradient, lr=0.0)  # no look is better than the first
    learn(corpus, tmp_path / "early", learner=still, epochs=2, quiet=False)
    assert capsys.readouterr().err.endswith(" s. Step 10 was the best held out, and is the one used.\n")
    assert main(["evaluate", str(tmp_path / "early"), "--samples", "1", "--subset", "1"]) == 0
    assert "; step 10; fp32" in " ".join(capsys.readouterr().out.split())
    learn(corpus, tmp_path / "last", learner=still, epochs=1, quiet=False)
    assert "is the one used" not in capsys.readouterr().err


def test_patience_reads_the_runs_own_objective_not_its_elbo(corpus, tmp_path, monkeypatch):
    """AutoGen's ELBO may fall while its objective rises."""
    looked = iter(range(100))

    def falling(self: Validation, system: object) -> Figures:
        at = next(looked)
        names = ("reconstruction", "kl", "kl_percent", "active_units", "dead_units")
        return {**dict.fromkeys(names), "objective": -90.0 + at, "elbo": -50.0 - at}

    monkeypatch.setattr(Validation, "__call__", falling)
    run = learn(corpus, tmp_path / "run", epochs=4, patience=1)
    valid = [line for line in run.metrics() if line["kind"] == "valid"]
    assert [(line["step"], line["best"]) for line in valid] == [(10, True), (20, True), (30, True), (40, True)]
    assert run.step == 40


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint(corpus, tmp_path):
    learn(corpus, tmp_path / "run", epochs=1)
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace("lr: 0.01", "lr: 1.0e+30").replace("clip: 5.0", "clip: 0.0"))
    with pytest.raises(
        UserError, match=r"(loss|gradient_norm|reconstruction) became (nan|inf).*checkpoint of step 10 is"
    ):
        train(corpus, out=tmp_path / "run", epochs=4, resume=True, quiet=True)
    assert Run.load(tmp_path / "run").step == 10


class Holding(Objective):
    """An objective of a user's that leaves its schedule to another."""

    def __init__(self, inner: Objective):
        self.inner = inner

    def __call__(self, d):
        return self.inner(d)


def test_the_schedules_of_an_objective_within_an_objective_are_its_own():
    assert Holding(Holding(Beta(Linear(0.0, 1.0, steps=70, wait=7)))).end == 77


def test_a_signal_during_the_last_look_of_a_seed_stops_the_seeds_after_it(corpus, tmp_path, monkeypatch, capfd):
    judged = Validation.__call__

    def signalled(self, system):
        os.kill(os.getpid(), signal.SIGTERM)
        return judged(self, system)

    monkeypatch.setattr(Validation, "__call__", signalled)
    with pytest.raises(SystemExit, match="143"):
        train(corpus, out=tmp_path / "runs", **{**TINY, "epochs": 1, "seeds": [0, 1], "quiet": False})
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["seed-0"]
    monkeypatch.undo()
    said = capfd.readouterr().err.splitlines()
    (command,) = (line.partition("To go on: undersong ")[2] for line in said if "To go on" in line)
    assert main([*shlex.split(command), "--quiet"]) == 0
    for seed in (0, 1):
        alone = learn(corpus, tmp_path / f"alone-{seed}", epochs=1, seeds=[seed])
        assert last_weights(alone.path) == last_weights(tmp_path / "runs" / f"seed-{seed}")


@pytest.mark.parametrize("objective", [FreeBitsDimension(), FreeBitsMeanDimension()])
def test_free_bits_of_dimensions_are_refused_where_dimensions_have_no_kl(corpus, tmp_path, objective):
    mixed = partial(TINY["model"], prior=partial(LearnedPrior, family=Mixture))
    with pytest.raises(UserError, match="counts the KL of each dimension"):
        learn(corpus, tmp_path / "run", model=mixed, objective=objective)
    assert not (tmp_path / "run").exists()
    learn(corpus, tmp_path / "run", objective=objective, steps=1)


def test_a_held_out_sentence_that_is_impossible_is_told_from_a_loss_that_is_no_number(tmp_path):
    """A lower learning rate would not help it."""
    corpus = make_corpus(tmp_path / "corpus", train_size=3)
    choices = {"inference": Amortized, "learner": EM, "epochs": 2}
    with pytest.raises(UserError, match=r"is -inf; .* sentence is impossible .* --model\.smoothing above 0") as caught:
        learn(corpus, tmp_path / "run", model=partial(MixtureOfUnigrams, latent=2, smoothing=0.0), **choices)
    assert "lr" not in str(caught.value)
    learn(corpus, tmp_path / "smooth", model=partial(MixtureOfUnigrams, latent=2, smoothing=0.1), **choices)


@pytest.mark.parametrize(("value", "said"), [(-float("inf"), "-inf"), (float("nan"), "not a number")])
def test_a_held_out_objective_that_is_not_finite_ends_a_run_with_advice_that_gradients_heed(
    corpus, tmp_path, monkeypatch, value, said
):
    monkeypatch.setattr(Validation, "__call__", lambda *_: {"objective": value})
    with pytest.raises(UserError, match=f"the held-out objective is {said}; .* a lower --learner.lr") as caught:
        learn(corpus, tmp_path / "run", steps=2)
    assert "smoothing" not in str(caught.value)


@pytest.mark.parametrize(
    ("learner", "limits", "said"),
    [
        (Gradient, {"steps": 3}, "all 3 of --steps are done; 3 steps in"),
        (EM, {"epochs": 1}, "all epochs are done; 10 steps in"),
        (EM, {"steps": 9}, "all 9 of --steps are done; EM changes nothing before step 10, so nothing was learned; 9"),
        (StepwiseEM, {"steps": 9}, "StepwiseEM changes nothing before step 10, so nothing was learned; 9 steps"),
        (
            partial(StepwiseEM, wait=30),
            {"epochs": 3},
            "all epochs are done; StepwiseEM changes nothing before step 31, so nothing was learned",
        ),
        (partial(StepwiseEM, wait=3), {"steps": 4}, "all 4 of --steps are done; 4 steps in"),
    ],
)
def test_it_is_said_which_limit_ended_a_run_and_whether_anything_was_learned(
    corpus, tmp_path, capsys, learner, limits, said
):
    model = partial(MixtureOfUnigrams, latent=2)
    choices = {**TINY, "model": model, "inference": Amortized, "learner": learner, "quiet": False, "epochs": 1}
    train(corpus, out=tmp_path / "run", **{**choices, **limits})
    assert said in " ".join(capsys.readouterr().err.split())


class Late(float):
    """Seconds between checkpoints that are not over yet, and while they are compared a signal comes."""

    def __le__(self, seconds):
        os.kill(os.getpid(), signal.SIGTERM)
        return False


def test_a_signal_after_the_look_whether_to_save_is_heeded_once_all_is_saved(corpus, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fit.Fit, "_validate", lambda self: False)
    monkeypatch.setattr(start, "Limits", lambda **given: fit.Limits(**{**given, "save": Late()}))
    with pytest.raises(SystemExit, match="143"):
        learn(corpus, tmp_path / "run", quiet=False)
    (said,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("Saved at step"))
    assert said.startswith("Saved at step 11.")
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-000000011"]
