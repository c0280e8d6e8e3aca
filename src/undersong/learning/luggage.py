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
    """The configuration with every file that its model names copied into the run's folder, and named there.

    Args:
        config: arguments of ``train`` as plain values.
        folder: of the run; it is made if a file has to be put there.
    """

    def pack(value: str) -> str:
        source = Path(value)
        if not source.is_file():
            return value
        content = source.read_bytes()
        mark = f"{sha256(content).hexdigest()[:8]}-"
        place = folder / FILES / f"{mark}{source.name.removeprefix(mark)}"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, content)
        return os.path.abspath(place)

    return {**config, "model": _each(config["model"], pack)}


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
