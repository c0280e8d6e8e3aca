"""Choices that can be typed and not used are refused in a sentence, and nothing is left behind."""

from functools import partial
from pathlib import Path

import pytest
from tests.learning.small import learn

from undersong.decoding.reading import gather
from undersong.errors import UserError
from undersong.learning import Gradient, Run
from undersong.reproduce import reproduce


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learner": partial(Gradient, betas=(1.0, 0.999))}, "both must be below 1"),
        ({"learner": partial(Gradient, betas=(-0.1, 0.999))}, "betas is -0.1"),
        ({"seeds": [2**64]}, "whole number of 64 bits"),
    ],
)
def test_numbers_out_of_range(corpus, tmp_path, changes, said):
    with pytest.raises(UserError, match=said):
        learn(corpus, tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["workers", "threads"])
def test_no_workers(tmp_path, name):
    with pytest.raises(UserError, match=f"{name} is 0"):
        reproduce("autogen", out=tmp_path / "out", **{name: 0})


def test_an_argument_that_is_not_utf8():
    with pytest.raises(UserError, match=r"'caf\\udce9' is not UTF-8"):
        gather(["caf\udce9"])


def test_a_runs_damaged_tokenizer_says_what_mends_it(corpus: Path, tmp_path: Path):
    run = learn(corpus, tmp_path / "run", steps=1)
    (run.path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match=r"copy the tokenizer\.json of the corpus"):
        Run.load(run.path)
