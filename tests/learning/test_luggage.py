"""What a model is made from travels with its run: the run opens, resumes and moves without the original."""

from functools import partial
from pathlib import Path

import pytest
import torch
from tests.learning.small import learn, make_corpus

from undersong import cli
from undersong.data.vectors import write_vectors
from undersong.errors import UserError
from undersong.inference import Amortized
from undersong.learning import EM, Run, configuration
from undersong.learning.luggage import named
from undersong.models import GaussianHMM


def test_a_file_that_a_run_does_not_go_on_with_is_not_kept_in_it(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", train_size=40, held=8)
    own, other = (write_vectors(corpus, out=tmp_path / f"{n}.safetensors", size=n) for n in (4, 5))
    choices = {"inference": Amortized, "learner": EM, "resume": True}
    run = learn(corpus, tmp_path / "run", model=partial(GaussianHMM, vectors=own, states=2), **choices, epochs=1)
    before = sorted((run.path / "files").iterdir())
    with pytest.raises(UserError, match="--model differs"):
        learn(corpus, run.path, model=partial(GaussianHMM, vectors=other, states=2), **choices, epochs=2)
    assert sorted((run.path / "files").iterdir()) == before


def test_a_run_that_a_model_names_is_named_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it opens wherever it is opened from; what names no run is left as it is, whatever folders lie about."""
    (tmp_path / "runs" / "vae").mkdir(parents=True)
    (tmp_path / "runs" / "vae" / "config.yaml").touch()
    (tmp_path / "full").mkdir()
    monkeypatch.chdir(tmp_path)
    model = {"class_path": "runs", "init_args": {"run": "runs/vae", "kind": "full", "empty": ""}}
    found = named({"model": model}, tmp_path / "mixture")["model"]
    assert found == {"class_path": "runs", "init_args": {**model["init_args"], "run": str(tmp_path / "runs" / "vae")}}
    assert named({"model": found}, tmp_path / "mixture")["model"] == found


def test_a_run_keeps_the_files_its_model_is_made_from(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", train_size=40, held=8)
    file = write_vectors(corpus, out=tmp_path / "v.safetensors", size=5)
    choices = {"model": partial(GaussianHMM, vectors=file, states=2), "inference": Amortized, "learner": EM}
    run = learn(corpus, tmp_path / "run", **choices, epochs=1)
    kept = Path(configuration.read(run.path / "config.yaml")["model"]["init_args"]["vectors"])
    assert kept.parent == run.path.resolve() / "files"
    again = learn(corpus, tmp_path / "run", **choices, epochs=2, resume=True)
    assert again.step > run.step
    file.unlink()
    moved = (tmp_path / "run").rename(tmp_path / "elsewhere")
    opened = Run.load(moved)
    assert opened.step == again.step
    for a, b in zip(opened.system.parameters(), again.system.parameters(), strict=True):
        assert torch.equal(a, b)
    assert cli.main(["train", "--config", str(moved / "config.yaml"), "--epochs", "3", "--resume", "--quiet"]) == 0
    assert Run.load(moved).step > again.step
    (moved / "files" / kept.name).unlink()
    with pytest.raises(UserError, match="holds no word vectors"):
        Run.load(moved)
