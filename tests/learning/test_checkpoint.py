"""Checkpoints are whole or refused, and never more than are needed."""

import json

import pytest
import torch
from tests.learning.small import last_weights, learn

from undersong.errors import UserError
from undersong.learning import Run, train
from undersong.learning import checkpoint as checkpoint_module
from undersong.learning.checkpoint import Checkpoint, Checkpoints, DamagedCheckpoint


def one(step: int, best: int | None = None) -> Checkpoint:
    tensors = {"w": torch.full((3,), float(step))}
    return Checkpoint(step, tensors, {"m": tensors["w"] * 2}, {"best_step": best, "record": 5 * step})


def test_what_is_written_is_read(tmp_path):
    kept = Checkpoints(tmp_path / "checkpoints")
    assert kept.latest() == (None, [])
    kept.save(one(7, best=7))
    found, refused = kept.latest()
    assert found is not None
    assert (found.step, refused) == (7, [])
    assert torch.equal(found.weights["w"], torch.full((3,), 7.0))
    assert torch.equal(found.learner["m"], torch.full((3,), 14.0))
    assert found.state == {"best_step": 7, "record": 35}


def test_the_last_two_and_their_bests_are_kept(tmp_path):
    kept = Checkpoints(tmp_path)
    for step, best in [(1, 1), (2, 2), (3, 2), (4, 2), (5, 2)]:
        kept.save(one(step, best))
    assert kept.steps() == [2, 4, 5]
    kept.save(one(6, best=6))
    assert kept.steps() == [2, 5, 6]  # 5 would still need 2
    kept.save(one(7, best=6))
    assert kept.steps() == [6, 7]


def test_half_written_ones_are_swept_and_never_read(tmp_path):
    kept = Checkpoints(tmp_path)
    (tmp_path / "writing-1").mkdir()
    (tmp_path / "writing-1" / "weights.safetensors").write_bytes(b"half")
    assert kept.latest() == (None, [])
    kept.save(one(1))
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000001"]


def test_one_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    kept = Checkpoints(tmp_path)
    kept.save(one(1))

    def full(path, content):
        path.write_bytes(content[:4])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint_module, "write_through", full)
    with pytest.raises(OSError, match="No space left"):
        kept.save(one(2))
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000001"]


@pytest.mark.parametrize("name", ["weights.safetensors", "learner.safetensors", "state.json"])
@pytest.mark.parametrize("harm", ["cut", "flip", "gone", "empty", "list"])
def test_a_damaged_one_is_refused_with_what_is_wrong_and_the_one_before_is_used(tmp_path, name, harm):
    kept = Checkpoints(tmp_path)
    kept.save(one(1))
    kept.save(one(2))
    path = kept.path(2) / name
    content = bytearray(path.read_bytes())
    if harm == "gone":
        path.unlink()
    else:
        if harm == "flip":
            content[-4] ^= 1
        path.write_bytes({"cut": content[:-3], "flip": content, "empty": b"", "list": b"[]"}[harm])
    with pytest.raises(DamagedCheckpoint, match=name):
        kept.load(2)
    found, refused = kept.latest()
    assert found is not None
    assert found.step == 1
    assert len(refused) == 1
    assert name in refused[0]


def test_a_run_goes_on_from_before_the_damage_to_the_same_end(corpus, tmp_path, capsys):
    whole = learn(corpus, tmp_path / "whole")
    learn(corpus, tmp_path / "run", epochs=2, checkpoint_seconds=0.0)
    newest = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    (newest / "learner.safetensors").write_bytes(b"\0" * 100)
    (run,) = train(corpus, out=tmp_path / "run", epochs=3, resume=True)
    assert "learner.safetensors is damaged" in capsys.readouterr().err
    assert last_weights(run.path) == last_weights(whole.path)
    steps = [(line["kind"], line["step"]) for line in run.metrics() if line["kind"] == "valid"]
    assert steps == [("valid", 10), ("valid", 20), ("valid", 30)]


def test_a_run_whose_best_is_damaged_still_opens(corpus, tmp_path):
    run = learn(corpus, tmp_path / "run", checkpoint_seconds=0.0)
    kept = Checkpoints(run.path / "checkpoints")
    assert run.step == kept.state(kept.steps()[-1])["best_step"]
    for name in ("weights.safetensors", "state.json"):
        (kept.path(run.step) / name).write_bytes(b"{}")
    with pytest.warns(UserWarning, match=r"state\.json cannot be read|damaged.*is used instead"):
        assert Run.load(run.path).step != run.step
    for step in kept.steps():
        (kept.path(step) / "state.json").write_bytes(b"{}")
    with pytest.raises(UserError, match=r"state\.json"):
        Run.load(run.path)


def test_a_copy_that_a_person_made_of_a_checkpoint_is_left_alone(tmp_path):
    kept = Checkpoints(tmp_path)
    kept.save(one(1))
    (tmp_path / "step-000000001 (copy)").mkdir()
    kept.save(one(2))
    assert kept.steps() == [1, 2]
    assert (tmp_path / "step-000000001 (copy)").exists()


def test_a_checkpoint_of_another_model_is_refused(corpus, tmp_path):
    run = learn(corpus, tmp_path / "run", steps=2)
    config = run.path / "config.yaml"
    config.write_text(config.read_text().replace("latent: 4", "latent: 5"))
    with pytest.raises(UserError, match="does not fit"):
        Run.load(run.path)


def test_the_state_is_json_and_the_tensors_are_safetensors(corpus, tmp_path):
    run = learn(corpus, tmp_path / "run", steps=2)
    (folder,) = (run.path / "checkpoints").iterdir()
    assert {p.name for p in folder.iterdir()} == {"weights.safetensors", "learner.safetensors", "state.json"}
    state = json.loads((folder / "state.json").read_text())
    assert state["state"]["record"] == (run.path / "metrics.jsonl").stat().st_size


def test_a_full_disk_is_said_and_the_last_checkpoint_kept(corpus, tmp_path, monkeypatch):
    learn(corpus, tmp_path / "run", steps=10)

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint_module, "write_through", full)
    with pytest.raises(UserError, match=r"No space left on device.*step 10 is kept.*--resume true"):
        learn(corpus, tmp_path / "run", steps=20, resume=True)
    monkeypatch.undo()
    whole = learn(corpus, tmp_path / "whole", steps=20)
    assert last_weights(learn(corpus, tmp_path / "run", steps=20, resume=True).path) == last_weights(whole.path)
