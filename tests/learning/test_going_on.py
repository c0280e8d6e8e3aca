"""What a run may go on from: a checkpoint in time, the choices it was begun with, and the very same corpus."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.learning.small import learn, make_corpus

from undersong.errors import UserError
from undersong.learning import Run, train
from undersong.learning.checkpoint import Checkpoint, Checkpoints


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
