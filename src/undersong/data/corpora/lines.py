"""Plain text files, one sentence a line.

Lines stay where they were read: a block of the file is one Arrow buffer, and lines are offsets into it. (A reader of
text files that drops blank lines or does not number lines could not say which line is wrong.)

Knows nothing of words.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from undersong.data.corpora.opening import opened
from undersong.data.corpora.source import BY_HASH, record_batch

_BLOCK = 1 << 19  # bytes read at a time: about as many lines as one step of the query takes
_LONGEST = 1 << 24  # bytes; what is longer is no sentence, and must not fill the memory
_MARK = b"\xef\xbb\xbf"


def read_lines(path: Path, split: int = BY_HASH) -> Iterator[pa.RecordBatch]:
    """The lines of a text file, as record batches of lines."""
    row = 1
    for block in _whole_lines(path):
        if block is None:
            text, reason = pa.nulls(1, pa.large_binary()), pa.array(["longer than 16 MiB"], pa.large_string())
            yield record_batch(text, pa.array([row], pa.int64()), None, split, reason)
            row += 1
            continue
        lines = _lines(block)
        yield record_batch(lines, pa.array(np.arange(row, row + len(lines))), None, split)
        row += len(lines)


def _whole_lines(path: Path) -> Iterator[bytes | None]:
    """Blocks that end with a line's end (the last one perhaps not); None for a line too long to hold."""
    rest: list[bytes] = []
    held, overlong, first = 0, False, True
    with opened(path) as file:
        while block := file.read(_BLOCK):
            if first and block.startswith(_MARK):
                block = block[len(_MARK) :]
            first = False
            cut = block.rfind(b"\n") + 1
            if overlong:
                if not cut:
                    continue
                yield None
                begin = block.find(b"\n") + 1
                if begin < cut:
                    yield block[begin:cut]
                overlong = False
            elif cut:
                yield b"".join([*rest, block[:cut]])
            if cut:
                rest, held = [], 0
            rest.append(block[cut:])
            held += len(block) - cut
            if held > _LONGEST:
                rest, held, overlong = [], 0, True
    if overlong:
        yield None
    elif held:
        yield b"".join(rest)


def _lines(block: bytes) -> pa.LargeBinaryArray:
    """Each line with its end, which is a space to the word rule."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    last = [] if block.endswith(b"\n") else [len(block)]
    offsets = np.concatenate(([0], ends, last)).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)
