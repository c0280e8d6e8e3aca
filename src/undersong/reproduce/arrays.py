"""Arrays in a run's folder, each file with what it was found with.

Knows nothing of what the arrays are.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undersong.files import new_file

_SETTINGS = "found_with"


def is_kept(path: Path, settings: Mapping[str, Any]) -> bool:
    """Whether the file is there and was found with these settings; one that does not say with which is believed."""
    if not path.exists():
        return False
    with np.load(path) as held:
        return _SETTINGS not in held.files or json.loads(str(held[_SETTINGS])) == json.loads(json.dumps(settings))


def keep(path: Path, settings: Mapping[str, Any], found: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name, and what they were found with."""
    with new_file(path) as file:
        np.savez(file, **found, **{_SETTINGS: np.array(json.dumps(settings))})  # type: ignore[arg-type]


def arrays(path: Path) -> dict[str, NDArray[Any]]:
    """What a file holds, by name."""
    with np.load(path) as held:
        return {name: held[name] for name in held.files if name != _SETTINGS}
