"""What every file of the house promises: it is explained, small, finished, and opens no pickles."""

import ast
import re
from pathlib import Path

import pytest
from tests.house.source import BESIDE, MODULES, ROOT, house_files, name, tree

LONGEST = 300
# A module that may be longer, and why.
LONGER: dict[str, str] = {}

UNSAFE_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def unexplained(module: ast.Module) -> list[str]:
    """The public things of a module that have no docstring."""
    missing = [] if ast.get_docstring(module) else ["the module itself"]
    for node in module.body:
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if named and not node.name.startswith("_") and not ast.get_docstring(node):
            missing.append(f"line {node.lineno}: {node.name}")
    return missing


def unsafe(module: ast.Module) -> list[str]:
    """The places where a module could run code that a data file brings."""
    found = []
    for node in ast.walk(module):
        imported = []
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported = [node.module]
        found += [f"line {node.lineno}: import {n}" for n in imported if n.split(".")[0] in UNSAFE_IMPORTS]
        if isinstance(node, ast.Call):
            call = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if call == "torch.load" and given.get("weights_only") != "True":
                found.append(f"line {node.lineno}: torch.load without weights_only=True")
            if call in {"np.load", "numpy.load"} and given.get("allow_pickle", "False") != "False":
                found.append(f"line {node.lineno}: {call} with allow_pickle")
            if call in {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}:
                found.append(f"line {node.lineno}: {call}; use yaml.safe_load")
    return found


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_public_thing_is_explained(path: Path) -> None:
    assert unexplained(tree(path)) == []


@pytest.mark.parametrize("path", [*MODULES, *BESIDE], ids=name)
def test_modules_are_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST or LONGER.get(name(path)), f"{lines} lines; split it, or give a reason in LONGER"


def test_the_list_of_long_modules_is_true() -> None:
    for listed in LONGER:
        assert len((ROOT / listed).read_text(encoding="utf-8").splitlines()) > LONGEST


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_nothing_is_unpickled(path: Path) -> None:
    assert unsafe(tree(path)) == []


def test_the_rules_catch_what_they_forbid() -> None:
    planted = "import pickle\ndef open_it(p):\n    return torch.load(p), np.load(p, allow_pickle=True), yaml.load(p)\n"
    assert len(unsafe(ast.parse(planted))) == 4
    assert unexplained(ast.parse(planted)) == ["the module itself", "line 2: open_it"]
    assert unsafe(ast.parse("torch.load(p, weights_only=True)\nnp.load(p)\nyaml.safe_load(p)")) == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")
    assert matches(later) == []


def test_no_path_of_one_machine() -> None:
    # Homebrew's place on Linux is the same on every machine.
    one_machine = re.compile(r"(?<![\w.~])/(?:root|work|Users|home(?!/linuxbrew))" + r"/\w")
    assert matches(one_machine) == []


def test_files_are_small_and_plainly_named() -> None:
    for path in house_files():
        assert path.stat().st_size <= 1_000_000, f"{name(path)} is over 1 MB"
        assert re.fullmatch(r"[A-Za-z0-9_./-]+", name(path)), f"{name(path)} is hard to type"


def matches(pattern: re.Pattern[str]) -> list[str]:
    """Where a pattern occurs in the house's text files, as file:line."""
    found = []
    for path in house_files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # test data that is not text on purpose
        found += [f"{name(path)}:{i}" for i, line in enumerate(lines, 1) if pattern.search(line)]
    return found
