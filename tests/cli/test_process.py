"""The command line as a process: where it finds a user's classes, and how it says that it was interrupted."""

import os
import subprocess
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


def test_a_working_folder_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert cli.main(["doctor", "run"]) == 2
    assert "The folder that this shell is in is not there any more" in capsys.readouterr().err


def run_it(words: str, buffered: bool) -> tuple[int, str]:
    """How a shell's line that calls the command as ``$US`` ends, and what is said on standard error."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {"US": f"{sys.executable} -m undersong.cli"} | ({} if buffered else {"PYTHONUNBUFFERED": "1"})
    done = subprocess.run(["bash", "-c", words], env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("word", ["--help", "--version"])
def test_a_reader_that_has_gone_ends_it_in_silence(word: str, buffered: bool) -> None:
    assert run_it(f"set -o pipefail; $US {word} | true", buffered) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("buffered", [True, False])
def test_output_that_cannot_be_written_is_told_in_a_sentence(buffered: bool) -> None:
    code, said = run_it("$US --help > /dev/full", buffered)
    assert code == 2
    assert said == "undersong: a file or standard output: No space left on device.\n"


def test_closed_streams_stop_nothing() -> None:
    write = "import sys, undersong.cli as cli; code = cli.main(['nonsense']); sys.stdout.write('x'); sys.exit(code)"
    assert run_it(f'{sys.executable} -c "{write}" >&- 2>&-', True) == (2, "")
