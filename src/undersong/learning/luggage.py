"""Files that a model is made from (word vectors) travel with its run, so that the run needs nothing else to be opened.

They lie in ``files/`` of the run's folder, named by their content; the configuration names them there. Knows nothing of
what is in them.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from undersong.files import write_atomically

FILES = "files"


def packed(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The configuration as ``named``, with every file that its model names copied into the run's folder.

    Args:
        config: arguments of ``train`` as plain values.
        folder: of the run; it is made if a file has to be put there.
    """

    def pack(value: str) -> str:
        if Path(value).is_file() and not (place := _place(value, folder)).exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, Path(value).read_bytes())
        return value

    _each(config["model"], pack)
    return named(config, folder)


def named(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The configuration with whatever its model names called by a path that holds anywhere; nothing is written.

    A file is named where ``packed`` puts it; a folder, which stays where it is, by its absolute path.
    """

    def name(value: str) -> str:
        if Path(value).is_file():
            return os.path.abspath(_place(value, folder))
        return os.path.abspath(value) if value and Path(value).is_dir() else value

    return {**config, "model": _each(config["model"], name)}


def _place(file: str, folder: Path) -> Path:
    """Where a run keeps a copy of a file, by its content."""
    mark = f"{sha256(Path(file).read_bytes()).hexdigest()[:8]}-"
    return folder / FILES / f"{mark}{Path(file).name.removeprefix(mark)}"


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
