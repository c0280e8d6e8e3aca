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
from undersong.models import GaussianHMM


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
