"""When training stops before its last step, and what is then kept."""

from functools import partial

import pytest
from tests.learning.small import learn

from undersong.errors import UserError
from undersong.learning import Gradient, Run, train
from undersong.learning.validation import Figures, Validation
from undersong.objectives import Beta, Linear


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
