"""Files that are there whole or not at all.

Knows nothing of what is written.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to fill, which becomes ``path`` when the block ends well; if it does not, nothing has changed.

    It is filled beside its place, flushed to the disk and renamed, and its folder flushed.

    Raises:
        OSError: it cannot be made, or the disk is full.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(beside, "wb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    flush(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file, as ``new_file``."""
    with new_file(path) as file:
        file.write(content)


def write_through(path: Path, content: bytes) -> None:
    """Write and flush to the disk, where a folder is to appear whole and its files need not."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush(path: Path) -> None:
    """Bring a file to the disk; of a folder its names, so that renames survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
