"""The command line as a process: where it finds a user's classes, and how it says that it was interrupted."""

import sys
from pathlib import Path

import pytest

from undersong import cli
from undersong.objectives import ELBO, Objective


def test_a_class_in_the_working_folder_is_named_by_its_dotted_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of an installed script, unlike that of ``python -m``, does not hold the working folder."""
    (tmp_path / "my_objectives.py").write_text("import undersong as us\n\n\nclass Mine(us.ELBO):\n    pass\n")
    given: list[Objective] = []

    def command(objective: Objective = ELBO()) -> None:  # noqa: B008 (never changed)
        """Try it."""
        given.append(objective)

    monkeypatch.setitem(cli.COMMANDS, "try", ("tests:try", "try it"))
    monkeypatch.setattr(cli, "_function", lambda name: command)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    monkeypatch.chdir(tmp_path)
    assert cli.main(["try", "--objective", "my_objectives.Mine"]) == 0
    assert [type(objective).__module__ for objective in given] == ["my_objectives"]


def test_an_interrupted_command_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def command() -> None:
        """Try it."""
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "try", ("tests:try", "try it"))
    monkeypatch.setattr(cli, "_function", lambda name: command)
    assert cli.main(["try"]) == 130
