"""The Python in README.md and docs/ runs and prints what it says; the commands named there exist."""

import doctest
import re
import shlex
from pathlib import Path

import pytest
from tests.house.source import PACKAGE, ROOT, name

from undersong import cli

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def blocks(page: str, language: str) -> list[tuple[int, str]]:
    """The fenced blocks of a page in one language, each with the number of its first line."""
    fences = re.finditer(rf"^```{language}\b[^\n]*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [(page.count("\n", 0, fence.start(1)) + 1, fence.group(1)) for fence in fences]


def failures(page: str, title: str) -> int:
    """Runs a page's Python from top to bottom, as one session; how many examples did not do as they say."""
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    session: dict[str, object] = {"__name__": "__main__"}
    for line, source in blocks(page, "python"):
        if ">>>" not in source:
            compile(source, f"{title}:{line}", "exec")
            continue
        test = doctest.DocTestParser().get_doctest(source, session, title, title, line - 1)
        runner.run(test, clear_globs=False)
        session = test.globs
    return runner.failures


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_the_python_on_the_page_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert failures(path.read_text(encoding="utf-8"), name(path)) == 0


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_the_commands_on_the_page_exist(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    shell = "\n".join(source for language in ("sh", "bash", "console") for _, source in blocks(page, language))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^(?:\$ )?make ([a-z-]+)", shell, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"the Makefile has no target {target}"
    for module in re.findall(r"python -m (benchmarks\.\w+)", page):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), f"there is no {module}"
    for room in re.findall(r"src/undersong/[\w/]+\.py", page):
        assert (ROOT / room).exists(), f"there is no {room}; the package is {name(PACKAGE)}"


def typed(page: str) -> list[list[str]]:
    """The words of each call of undersong in a page's shell examples; of a pipe, its last part."""
    shell = "\n".join(source for language in ("sh", "bash", "console") for _, source in blocks(page, language))
    calls = re.findall(r"^\$ (?:.*\| )?(?:\.venv/bin/)?undersong (.*)$", shell, re.MULTILINE)
    return [shlex.split(call) for call in calls]


def understood(call: list[str]) -> bool:
    """Whether the command line takes these words."""
    try:
        cli.parsed(call[0], call[1:])
    except SystemExit:
        return False
    return True


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_the_command_line_understands_every_example(path: Path) -> None:
    for call in typed(path.read_text(encoding="utf-8")):
        assert call[0] in cli.COMMANDS, f"undersong has no command {call[0]}"
        assert understood(call), f"undersong {shlex.join(call)} cannot be typed"


def test_every_command_has_an_example() -> None:
    shown = {call[0] for call in typed((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert shown == set(cli.COMMANDS)


def test_an_example_with_a_flag_that_is_not_there_is_caught() -> None:
    (good, bad) = typed("```console\n$ undersong sample r --n 3\n$ echo a | undersong sample r --many 3\n```\n")
    assert understood(good)
    assert not understood(bad)


@pytest.mark.parametrize("what", ["an objective", "a family", "a decoder"])
def test_adding_one_takes_under_20_lines_to_tell(what: str) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (told,) = re.findall(rf"^## How to add {what}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert len(told.strip().splitlines()) < 20
    assert ">>>" in told


def test_a_page_that_lies_is_caught() -> None:
    honest = "```python\n>>> x = 1\n```\ntext\n```python\n>>> x + 1\n2\n```\n"
    assert failures(honest, "honest") == 0
    assert failures(honest.replace("\n2\n", "\n3\n"), "lying") == 1
    with pytest.raises(SyntaxError):
        failures("```python\nx = = 1\n```\n", "broken")
