"""Writes a split as one Arrow record batch without ever holding it in memory.

Words, sentence ends and labels are appended to three plain files while sentences stream by. When their lengths are
known, Arrow writes the file's frame around untouched zeros, and the plain files are copied into the places of the
zeros. (Arrow can stream many small batches, but not grow one, and only one gives the reader a single flat array.)

Knows nothing of sources or tokenizers.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray


class SplitWriter:
    """Appends sentences to one split.

    Args:
        path: the Arrow file to make.
        vocab_size: number of different word ids; decides between 16 and 32 bits a word.
        labelled: whether there is a column of labels.
    """

    def __init__(self, path: Path, vocab_size: int, labelled: bool) -> None:
        self.path, self.labelled = path, labelled
        self.word_type = np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)
        self.sentences = self.tokens = 0
        self._digest = {part: hashlib.blake2b(digest_size=16) for part in ("words", "lengths", "labels")}
        # Open for as long as the writer is, which no `with` can say; `close` closes them.
        self._files = {part: self._spool(part).open("wb") for part in ("offsets", "words", "labels")}
        self._files["offsets"].write(_bytes(np.zeros(1), np.int64))

    def append(self, flat: NDArray[Any], lengths: NDArray[Any], labels: NDArray[Any] | None) -> None:
        """Add sentences.

        Args:
            flat: their word ids, end to end.
            lengths: words of each, int [sentences].
            labels: class of each, or None.
        """
        ends = self.tokens + np.cumsum(lengths, dtype=np.int64)
        self._files["offsets"].write(_bytes(ends, np.int64))
        self._files["words"].write(_bytes(flat, self.word_type))
        self._digest["words"].update(_bytes(flat, "<u4"))
        self._digest["lengths"].update(_bytes(lengths, "<i8"))
        if labels is not None:
            self._files["labels"].write(_bytes(labels, np.int32))
            self._digest["labels"].update(_bytes(labels, "<i4"))
        self.sentences += len(lengths)
        self.tokens = int(ends[-1]) if len(ends) else self.tokens

    def close(self) -> str:
        """Write the Arrow file, remove the plain ones, and return the hash of the content."""
        for file in self._files.values():
            file.close()
        offsets = np.zeros(self.sentences + 1, np.int64)
        offsets[-1] = self.tokens  # Arrow leaves out words that no offset reaches
        words = pa.array(np.zeros(self.tokens, self.word_type))
        columns = {"words": pa.LargeListArray.from_arrays(pa.array(offsets), words)}
        if self.labelled:
            columns["label"] = pa.array(np.zeros(self.sentences, np.int32))
        frame = pa.record_batch(columns)
        with pa.OSFile(str(self.path), "wb") as sink, pa.ipc.new_file(sink, frame.schema) as out:
            out.write_batch(frame)
        places = self._places()
        with open(self.path, "r+b") as target:
            for part, place in places.items():
                with open(self._spool(part), "rb") as spool:
                    target.seek(place)
                    shutil.copyfileobj(spool, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        for part in self._files:
            self._spool(part).unlink()
        return "".join(self._digest[part].hexdigest() for part in ("words", "lengths", "labels"))

    def _places(self) -> dict[str, int]:
        """Where in the Arrow file each buffer begins, in bytes."""
        with pa.memory_map(str(self.path)) as source:
            whole = source.read_buffer(source.size())
            batch = pa.ipc.open_file(pa.BufferReader(whole)).get_batch(0)
            buffers = {"offsets": batch.column("words").buffers()[1], "words": batch.column("words").buffers()[3]}
            if self.labelled:
                buffers["labels"] = batch.column("label").buffers()[1]
            return {part: buffer.address - whole.address for part, buffer in buffers.items() if buffer}

    def _spool(self, part: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{part}")


def _bytes(values: NDArray[Any], kind: DTypeLike) -> bytes:
    return np.ascontiguousarray(values, kind).tobytes()
