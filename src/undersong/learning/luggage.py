"""Files that a model is made from (word vectors) travel with its run, so that the run needs nothing else to be opened.

They lie in ``files/`` of the run's folder, named by their content; the configuration names them there. Knows nothing of
what is in them.
"""

import os
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from undersong.files import write_atomically
from undersong.learning.configuration import CONFIG

FILES = "files"


def packed(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The configuration as ``named``, with every file that its model names copied into the run's folder.

    Args:
        config: arguments of ``train`` as plain values.
        folder: of the run; it is made if a file has to be put there.
    """

    def pack(value: str) -> str:
        place = _named(value, folder)
        if Path(value).is_file() and not Path(place).exists():
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(Path(place), Path(value).read_bytes())
        return place

    return {**config, "model": _each(config["model"], pack)}


def named(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The configuration with whatever its model names called by a path that holds anywhere; nothing is written.

    A file is named where ``packed`` puts it; another run, which stays where it is, by its absolute path.
    """
    return {**config, "model": _each(config["model"], partial(_named, folder=folder))}


def _named(value: str, folder: Path) -> str:
    """Where a run keeps its copy of a file, by its content, or where another run lies; other texts as they are."""
    path = Path(value)
    if path.is_file():
        mark = f"{sha256(path.read_bytes()).hexdigest()[:8]}-"
        return os.path.abspath(folder / FILES / f"{mark}{path.name.removeprefix(mark)}")
    return os.path.abspath(path) if (path / CONFIG).is_file() else value


def unpacked(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The configuration of a run whose folder may have been moved: its files are looked for where it lies now."""

    def find(value: str) -> str:
        place = folder / FILES / Path(value).name
        return os.path.abspath(place) if Path(value).parent.name == FILES and place.is_file() else value

    return {**config, "model": _each(config["model"], find)}


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """Every text in nested values changed, but for the names of classes."""
    if isinstance(value, dict):
        return {key: v if key == "class_path" else _each(v, change) for key, v in value.items()}
    if isinstance(value, list):
        return [_each(v, change) for v in value]
    return change(value) if isinstance(value, str) else value
