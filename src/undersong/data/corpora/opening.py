"""Opens files for reading, decompressing gzip, xz and Zstandard by the name's ending.

Knows nothing of what is inside.
"""

import gzip
import lzma
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard

from undersong.errors import UserError

COMPRESSED = (".gz", ".xz", ".zst")
_DAMAGE = (gzip.BadGzipFile, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError)


def kind_of(path: Path) -> str:
    """The ending that says what a file holds, once decompressed.

    >>> kind_of(Path("a/b.train.CSV.gz"))
    '.csv'
    """
    plain = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return plain.suffix.lower()


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The decompressed bytes of a file.

    Raises:
        UserError: it cannot be opened, or its compressed data is damaged.
    """
    try:
        with _open(path) as file:
            yield cast(BinaryIO, file)
    except _DAMAGE as error:
        raise UserError(
            f"{path} is not a complete {path.suffix} file ({error}): fetch or compress it again."
        ) from error
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error


def _open(path: Path) -> IO[bytes]:
    match path.suffix.lower():
        case ".gz":
            return cast(IO[bytes], gzip.open(path, "rb"))
        case ".xz":
            return cast(IO[bytes], lzma.open(path, "rb"))
        case ".zst":
            return cast(IO[bytes], zstandard.open(path, "rb", dctx=zstandard.ZstdDecompressor()))
        case _:
            return path.open("rb")


@contextmanager
def seekable(path: Path) -> Iterator[BinaryIO]:
    """The same, for readers that jump about: a compressed file is unpacked to a temporary one first."""
    with opened(path) as file:
        if path.suffix.lower() not in COMPRESSED:
            yield file
            return
        with tempfile.TemporaryFile() as unpacked:
            while block := file.read(1 << 20):
                unpacked.write(block)
            unpacked.seek(0)
            yield cast(BinaryIO, unpacked)
