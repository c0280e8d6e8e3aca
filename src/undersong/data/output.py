"""A folder that appears whole or not at all.

It is filled under another name beside its place, brought to the disk, and renamed; whatever goes wrong before that
removes it. Knows nothing of what is in it.
"""

import errno
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from undersong.errors import UserError
from undersong.files import flush, reason


@contextmanager
def new_folder(out: Path, force: bool, mark: str, names: Collection[str]) -> Iterator[Path]:
    """A temporary folder to fill, which becomes ``out`` when the block ends well.

    Args:
        out: the folder to make.
        force: replace it if it exists.
        mark: a file in it by which ours is known; nothing else is ever replaced.
        names: of all files that it will hold; a folder that holds others too is not replaced.

    Raises:
        UserError: it exists, cannot be made, or the disk is full.
    """
    out = out.resolve() if out.is_symlink() else out  # what a link leads to is replaced, not the link
    _refuse(out, force, mark, names)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    except OSError as error:
        raise UserError(f"Cannot make {out}: {reason(error)}. Choose another --out.") from error
    try:
        yield work
        _sync(work)
        work.chmod(0o755)
        _refuse(out, force, mark, names)  # another process may have been quicker
        _replace(work, out)
        flush(out.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(
                f"The disk is full: {out} was not written, and nothing is left behind. Free some space, or choose "
                f"another --out."
            ) from error
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _refuse(out: Path, force: bool, mark: str, names: Collection[str]) -> None:
    if not out.exists() and not out.is_symlink():
        return
    if not force:
        raise UserError(f"{out} exists: choose another --out, or replace it with --force.")
    if not out.is_dir() or (any(out.iterdir()) and not (out / mark).is_file()):
        raise UserError(f"{out} exists and is not a prepared corpus (no {mark} in it), so it is not replaced.")
    foreign = sorted(path.name for path in out.iterdir() if path.name not in names)
    if foreign:
        raise UserError(
            f"{out} also holds {', '.join(foreign[:3])}{' ...' if foreign[3:] else ''}, which no preparation wrote and "
            f"--force would delete: move it away, or choose another --out."
        )


def _replace(work: Path, out: Path) -> None:
    """Rename; what was there before is moved aside first, since a full folder cannot be renamed over."""
    if not out.exists():
        work.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".old", dir=out.parent))
    try:
        out.rename(old / "was")
        work.rename(out)
    finally:  # whatever came in between, Ctrl-C too
        if not out.exists():
            (old / "was").rename(out)
        shutil.rmtree(old, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        flush(path)
    flush(folder)
