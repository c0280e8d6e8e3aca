"""Where the house's tests look: the repository's own files, and nothing that was installed or made."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "undersong"
MODULES = sorted(PACKAGE.rglob("*.py"))
BESIDE = sorted(path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))


def house_files() -> list[Path]:
    """Every text file that people wrote, wherever it lies."""
    folders = ["src", "tests", "benchmarks", "docs", "tools", "recipes", ".ci"]
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    return sorted(path for path in files if "__pycache__" not in path.parts)


def tree(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    """A file as a person would name it, for messages and test names."""
    return path.relative_to(ROOT).as_posix()
