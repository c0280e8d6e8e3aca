"""Figures that cannot be kept in the run's folder, as of a run that somebody else owns, are given all the same."""

import errno
import os
from pathlib import Path

import pytest
from tests.learning.small import learn, make_corpus

from undersong.evaluation import evaluate
from undersong.evaluation.evaluate import FILE
from undersong.evaluation.generation import Lengths


def refused(*names: object) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_they_are_the_same_and_it_is_said_that_they_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = learn(make_corpus(tmp_path / "corpus"), tmp_path / "run", steps=1)
    kept = evaluate(run, samples=2, subset=2, measures=[Lengths()])
    capsys.readouterr()
    monkeypatch.setattr("undersong.files.os.replace", refused)
    given = evaluate(run, samples=2, subset=2, measures=[Lengths()])
    assert {**given, "suite": given["suite"]["figures"]} == {**kept, "suite": kept["suite"]["figures"]}
    said = capsys.readouterr().err
    assert said == f"The figures are not kept: {run.path / FILE} cannot be written (Read-only file system).\n"
