"""Files that are there whole or not at all, and folders that one process writes at a time.

Knows nothing of what is written.
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to fill, which becomes ``path`` when the block ends well; if it does not, nothing has changed.

    It is filled beside its place, flushed to the disk and renamed, and its folder flushed.

    Raises:
        OSError: it cannot be made, or the disk is full; it names ``path``.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.replace(beside, path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
    except OSError as error:
        if error.filename in (None, str(beside)):
            error.filename = str(path)
        raise
    flush(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file, as ``new_file``."""
    with new_file(path) as file:
        file.write(content)


def read_object(path: Path, *names: str) -> dict[str, Any]:
    """A JSON object that holds at least ``names``.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds anything else.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or (lacking := [name for name in names if name not in found]):
        raise ValueError(f"it lacks {', '.join(lacking)}" if isinstance(found, dict) else "it is no JSON object")
    return found


def write_through(path: Path, content: bytes) -> None:
    """Write and flush to the disk, where a folder is to appear whole and its files need not."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A folder, made if it is not there, that one process alone writes while the block lasts.

    The system itself lets go of it when the process ends, however it is ended; nothing is left in the folder.

    Raises:
        BlockingIOError: another process holds it.
        OSError: it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:  # some network disks hold nothing for anybody: go on there as if alone
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
        yield
    finally:
        os.close(descriptor)


def reason(error: OSError) -> str:
    """Why the system refused a place; where a file stands in the way of a folder, which."""
    named = Path(os.fsdecode(error.filename)) if error.filename else None
    if named is not None and isinstance(error, NotADirectoryError | FileExistsError | FileNotFoundError):
        for place in (named, *named.parents):
            if place.is_symlink() and not place.exists():
                return f"{place} is a link that leads nowhere"
            if place.exists() and not place.is_dir():
                return f"{place} is a file, where a folder is needed"
    return error.strerror or str(error)


def flush(path: Path) -> None:
    """Bring a file to the disk; of a folder its names, so that renames survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
