"""Files that are there whole or not at all.

Knows nothing of what is written.
"""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside, flush to the disk, rename into place, flush the folder."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    write_through(beside, content)
    os.replace(beside, path)
    flush_folder(path.parent)


def write_through(path: Path, content: bytes) -> None:
    """Write and flush to the disk."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Make a folder's renames and new names survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
