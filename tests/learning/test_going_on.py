"""What a run may go on from: a checkpoint in time, the choices it was begun with, and the very same corpus."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.learning.small import TINY, last_weights, learn, make_corpus

from undersong.cli import main
from undersong.errors import UserError
from undersong.learning import Run, train
from undersong.learning.checkpoint import Checkpoint, Checkpoints
from undersong.learning.device import resolve_device

SMALL = {name: TINY[name] for name in ("model", "inference", "learner", "sentences", "precision", "device", "threads")}


def test_a_checkpoint_is_written_as_often_as_was_asked_where_nothing_is_held_out(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    save = Checkpoints.save

    def watched(self: Checkpoints, checkpoint: Checkpoint) -> None:
        saved.append(checkpoint.step)
        save(self, checkpoint)

    monkeypatch.setattr(Checkpoints, "save", watched)
    learn(corpus, tmp_path / "often", steps=30, validation_sentences=0, checkpoint_seconds=0.0)
    assert saved == [10, 20, 30]
    saved.clear()
    learn(corpus, tmp_path / "seldom", steps=30, validation_sentences=0, checkpoint_seconds=3600.0)
    assert saved == [30]


def test_a_damaged_checkpoint_is_gone_once_the_run_goes_on_from_the_one_before(corpus: Path, tmp_path: Path) -> None:
    """Or, being of a later step, it would be taken for the newest."""
    run = learn(corpus, tmp_path / "run", steps=20, validation_steps=10)
    kept = Checkpoints(run.path / "checkpoints")
    assert kept.steps()[-1] == 20
    (kept.path(20) / "state.json").write_bytes(b"")
    train(corpus, out=run.path, steps=15, resume=True, quiet=True)
    assert kept.steps()[-1] == 15


@pytest.mark.parametrize(("name", "other"), [("precision", "bf16"), ("threads", 2), ("device", "meta")])
def test_a_run_does_not_go_on_computing_in_another_way(corpus: Path, tmp_path: Path, name: str, other: Any) -> None:
    run = learn(corpus, tmp_path / "run", steps=2)
    with pytest.raises(UserError, match=f"--{name} differs"):
        train(corpus, out=run.path, **{name: other}, resume=True, quiet=True)


@pytest.mark.parametrize("seed", [7, -1])
def test_a_run_does_not_go_on_with_another_seed(corpus: Path, tmp_path: Path, seed: int) -> None:
    run = learn(corpus, tmp_path / "run", steps=2)
    before = last_weights(run.path)
    with pytest.raises(UserError, match="--seeds differs from what the run in"):
        train(corpus, out=run.path, seeds=[seed], steps=4, resume=True, quiet=True)
    assert last_weights(run.path) == before
    train(corpus, out=run.path, seeds=[0], steps=4, resume=True, quiet=True)
    assert Run.load(run.path).metrics()[-1]["step"] == 4


def test_runs_of_several_seeds_go_on_each_with_its_own(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    train(corpus, out=out, **{**TINY, "steps": 2, "seeds": [3, 5]})
    train(corpus, out=out, seeds=[3, 5, 8], steps=3, resume=True, quiet=True, **SMALL)
    assert [Run.load(out / f"seed-{n}").metrics()[-1]["step"] for n in (3, 5, 8)] == [3, 3, 3]
    train(corpus, out=out / "seed-5", steps=4, resume=True, quiet=True)  # not asked for a seed, it takes its own
    assert Run.load(out / "seed-5").config["seeds"] == [5]
    (out / "seed-3").rename(out / "seed-4")
    with pytest.raises(UserError, match="--seeds differs"):
        train(corpus, out=out, seeds=[4, 5], steps=4, resume=True, quiet=True)


def test_what_is_trained_already_keeps_its_configuration_and_is_told_by_which_limit(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = learn(corpus, tmp_path / "run", epochs=2)
    before = (run.path / "config.yaml").read_bytes()
    train(corpus, out=run.path, epochs=1, resume=True)
    assert "is trained already (20 steps): all epochs are done.\n" in capsys.readouterr().err
    assert (run.path / "config.yaml").read_bytes() == before
    train(corpus, out=run.path, steps=21, resume=True)
    assert "all 21 of --steps are done; 21 steps in" in capsys.readouterr().err
    train(corpus, out=run.path, epochs=5, resume=True)
    said = " ".join(capsys.readouterr().err.split())
    assert "all 21 of --steps are done. Give more --steps, or null for --epochs to count." in said
    train(corpus, out=run.path, epochs=3, steps=None, resume=True)
    assert Run.load(run.path).metrics()[-1]["step"] == 30


def test_a_finished_run_is_told_where_its_corpus_lies_by_now(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", train_size=40, held=8)
    run = learn(corpus, tmp_path / "run", steps=3)
    moved = Path(corpus).rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="not at"):
        Run.load(run.path).corpus()
    train(moved, out=run.path, steps=2, resume=True, quiet=True)
    again = Run.load(run.path)
    assert len(again.corpus().train) == 40
    assert again.config == {**run.config, "corpus": str(moved)}


@pytest.mark.parametrize("device", ["cuda", "cuda:9", "mps"])
def test_a_run_of_a_device_that_is_not_here_says_where_it_goes_on(corpus: Path, tmp_path: Path, device: str) -> None:
    if resolves(device):
        pytest.skip(f"there is a {device}")
    config = learn(corpus, tmp_path / "run", steps=2).path / "config.yaml"
    config.write_text(config.read_text().replace("device: cpu", f"device: {device}"))
    before = config.read_bytes()
    said = f"was begun on {device}, which this machine has not, and goes on nowhere else: .*--device cpu"
    with pytest.raises(UserError, match=said):
        train(corpus, out=config.parent, steps=4, resume=True, quiet=True)
    assert config.read_bytes() == before
    anew = ["--device", "cpu", "--precision", "auto", "--out", str(tmp_path / "anew"), "--steps", "3"]
    assert main(["train", "--config", str(config), *anew]) == 0


def resolves(device: str) -> bool:
    try:
        resolve_device(device)
    except UserError:
        return False
    return True


@pytest.fixture
def exchanged(tmp_path: Path) -> Run:
    """A run whose corpus was prepared anew, from other text."""
    run = learn(make_corpus(tmp_path / "corpus"), tmp_path / "run", steps=2)
    place = tmp_path / "corpus" / "corpus.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "hash": "other"}))
    return run


def test_a_run_does_not_go_on_with_another_corpus_in_the_place_of_its_own(exchanged: Run) -> None:
    with pytest.raises(UserError, match="another corpus"):
        train(exchanged.config["corpus"], out=exchanged.path, steps=4, resume=True, quiet=True)


def test_another_corpus_is_not_taken_for_a_runs_own(exchanged: Run) -> None:
    with pytest.raises(UserError, match="another corpus"):
        exchanged.corpus()
