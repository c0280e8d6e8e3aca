"""Opens files for reading, decompressing gzip, xz and Zstandard by the name's ending.

Knows nothing of what is inside.
"""

import gzip
import io
import lzma
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import zstandard

from undersong.errors import UserError

COMPRESSED = (".gz", ".xz", ".zst")
_FARTHEST = 1 << 31  # bytes that a Zstandard file may look back, as `--long=31` lets it
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
        kind = path.suffix.removeprefix(".")
        raise UserError(f"{path} is not a complete {kind} file ({error}): fetch or compress it again.") from error
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error


def _open(path: Path) -> IO[bytes]:
    match path.suffix.lower():
        case ".gz":
            return cast(IO[bytes], gzip.open(path, "rb"))
        case ".xz":
            return cast(IO[bytes], lzma.open(path, "rb"))
        case ".zst":
            return io.BufferedReader(_Zstandard(path), 1 << 18)
        case _:
            return path.open("rb")


class _Zstandard(io.RawIOBase):
    """All frames of a Zstandard file; the library reads one only, and takes a cut file for a whole one."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._out = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._out:
            block = self._file.read(1 << 16)
            if not block:
                if self._frame is not None:
                    raise EOFError("the last frame is cut")
                return 0
            self._out = memoryview(self._decompress(block))
        count = min(len(buffer), len(self._out))
        buffer[:count] = self._out[:count]
        self._out = self._out[count:]
        return count

    def _decompress(self, block: bytes) -> bytes:
        found = []
        while block:
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor(max_window_size=_FARTHEST).decompressobj()
            found.append(self._frame.decompress(block))
            block = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = None
        return b"".join(found)

    def close(self) -> None:
        self._file.close()
        super().close()


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
