"""Imports run one way, from the ground up: the contract names every room, holds, and would notice a breach."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.house.source import PACKAGE, ROOT


def layers() -> list[str]:
    """The rooms that the contract names, without the package's name."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (rooms,) = [contract for contract in contracts if contract["type"] == "layers"]
    assert not rooms.get("ignore_imports"), "an exception to the direction of imports"
    return [room.strip().removeprefix("undersong.") for layer in rooms["layers"] for room in layer.split(":")]


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter on the copy of the house at ``root``."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_room_is_in_the_contract() -> None:
    rooms = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert rooms - {"__init__", "__main__", "py"} <= set(layers())


def test_imports_run_one_way(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    done = lint(tmp_path)
    assert done.returncode == 0, done.stdout

    ground = tmp_path / "src" / "undersong" / "errors.py"
    ground.write_text(ground.read_text(encoding="utf-8") + "\nimport undersong.models\n", encoding="utf-8")
    done = lint(tmp_path)
    assert done.returncode != 0
    assert "undersong.errors -> undersong.models" in done.stdout
