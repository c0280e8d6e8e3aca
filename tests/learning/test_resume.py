"""Going on with a run: its own choices, those that may change, and the precision and threads it was begun with."""

import pytest
import torch
from tests.learning.small import last_weights, learn

from undersong.cli import main
from undersong.errors import UserError
from undersong.learning import Run, train
from undersong.learning.fit import Fit, Memory
from undersong.nets import precision
from undersong.objectives import AutoGen, Beta


def test_going_on_takes_the_runs_own_choices_and_refuses_others(corpus, tmp_path):
    whole = learn(corpus, tmp_path / "whole", epochs=4, objective=AutoGen(m=2.0))
    learn(corpus, tmp_path / "run", epochs=2, objective=AutoGen(m=2.0))
    (run,) = train(corpus, out=tmp_path / "run", epochs=4, resume=True, quiet=True)
    assert last_weights(run.path) == last_weights(whole.path)
    assert run.config["epochs"] == 4
    with pytest.raises(UserError, match="--objective differs"):
        train(corpus, out=tmp_path / "run", objective=Beta(0.5), resume=True, quiet=True)


@pytest.mark.parametrize("own_file", [True, False])
def test_what_is_typed_counts_though_it_be_a_default_and_what_is_not_is_the_runs(corpus, tmp_path, own_file):
    folder = tmp_path / "run"
    learn(corpus, folder, epochs=1, patience=9, sentences=60)
    place = ["--config", str(folder / "config.yaml")] if own_file else [str(corpus), "--out", str(folder)]
    assert main(["train", *place, "--resume", "--device", "cpu", "--threads", "1", "--precision", "fp32"]) == 0
    run = Run.load(folder)
    assert (run.config["epochs"], run.config["patience"], run.metrics()[-1]["step"]) == (1, 9, 4)
    assert main(["train", *place, "--resume", "--epochs", "10", "--patience", "null"]) == 0
    run = Run.load(folder)
    assert (run.config["epochs"], run.config["patience"], run.metrics()[-1]["step"]) == (10, None, 40)
    assert main(["train", *place, "--resume", "--precision", "auto"]) == 0  # whatever it was for the run
    assert main(["train", *place, "--resume", "--sentences", "128"]) == 2


@pytest.mark.parametrize(("asked", "threads"), [("fp32", 2), ("bf16", 1), ("bf16", 2), ("auto", 2)])
def test_going_on_computes_as_the_run_was_begun_whatever_the_machine_now_prefers(
    corpus, tmp_path, monkeypatch, asked, threads
):
    """``auto`` is resolved once: here on a machine fast at bf16, resumed on one that is slow at it."""
    computed = []
    whole_run = Fit.run

    def watched(self: Fit, memory: Memory) -> Memory:
        parts = {part.precision.name for part in self.system.modules() if hasattr(part, "precision")}
        computed.append((parts, torch.get_num_threads()))
        return whole_run(self, memory)

    monkeypatch.setattr(Fit, "run", watched)
    monkeypatch.setattr(precision, "bf16_is_faster", lambda device: True)
    whole = learn(corpus, tmp_path / "whole", epochs=4, precision=asked, threads=threads)
    learn(corpus, tmp_path / "run", epochs=2, precision=asked, threads=threads)
    monkeypatch.setattr(precision, "bf16_is_faster", lambda device: False)
    (run,) = train(corpus, out=tmp_path / "run", epochs=4, resume=True, quiet=True)
    name = "bf16" if asked == "auto" else asked
    assert computed == [({name}, threads)] * 3
    assert (run.config["precision"], run.config["threads"]) == (name, threads)
    assert last_weights(run.path) == last_weights(whole.path)
