"""Writes a split as one Arrow record batch without ever holding it in memory.

Words, sentence ends, labels and annotations are appended to plain files while sentences stream by. When their lengths
are known, Arrow writes the file's frame around untouched zeros, and the plain files are copied into the places of the
zeros. (Arrow can stream many small batches, but not grow one, and only one gives the reader a single flat array.)

Knows nothing of sources or tokenizers.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
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
        annotations: which of the columns ``tags``, ``heads`` and ``spans`` there are.
    """

    def __init__(self, path: Path, vocab_size: int, labelled: bool, annotations: Sequence[str] = ()) -> None:
        self.path, self.labelled, self.annotations = path, labelled, tuple(annotations)
        self.word_type = np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)
        self.sentences = self.tokens = self.span_numbers = 0
        hashed = ("words", "lengths", "labels", *self.annotations)
        self._digest = {part: hashlib.blake2b(digest_size=16) for part in hashed}
        parts = ("offsets", "words", "labels", *self.annotations)
        # Open for as long as the writer is, which no `with` can say; `close` closes them.
        self._files = {part: self._spool(part).open("wb") for part in (*parts, *self._span_offsets())}
        for part in ("offsets", *self._span_offsets()):
            self._files[part].write(_bytes(np.zeros(1), np.int64))

    def append(
        self,
        flat: NDArray[Any],
        lengths: NDArray[Any],
        labels: NDArray[Any] | None,
        annotation: Mapping[str, NDArray[Any]] | None = None,
        spans: NDArray[Any] | None = None,
    ) -> None:
        """Add sentences.

        Args:
            flat: their word ids, end to end.
            lengths: words of each, int [sentences].
            labels: class of each, or None.
            annotation: values of each column of annotations, end to end.
            spans: how many numbers of ``annotation["spans"]`` are each sentence's, int [sentences].
        """
        ends = self.tokens + np.cumsum(lengths, dtype=np.int64)
        self._files["offsets"].write(_bytes(ends, np.int64))
        self._files["words"].write(_bytes(flat, self.word_type))
        self._digest["words"].update(_bytes(flat, "<u4"))
        self._digest["lengths"].update(_bytes(lengths, "<i8"))
        if labels is not None:
            self._files["labels"].write(_bytes(labels, np.int32))
            self._digest["labels"].update(_bytes(labels, "<i4"))
        for name, values in (annotation or {}).items():
            self._files[name].write(_bytes(values, np.int32))
            self._digest[name].update(_bytes(values, "<i4"))
        if spans is not None:
            span_ends = self.span_numbers + np.cumsum(spans, dtype=np.int64)
            self._files["span_offsets"].write(_bytes(span_ends, np.int64))
            self._digest["spans"].update(_bytes(spans, "<i8"))
            self.span_numbers = int(span_ends[-1]) if len(spans) else self.span_numbers
        self.sentences += len(lengths)
        self.tokens = int(ends[-1]) if len(ends) else self.tokens

    def close(self) -> str:
        """Write the Arrow file, remove the plain ones, and return the hash of the content."""
        for file in self._files.values():
            file.close()
        frame = self._frame()
        with pa.OSFile(str(self.path), "wb") as sink, pa.ipc.new_file(sink, frame.schema) as out:
            out.write_batch(frame)
        places = self._places()
        with open(self.path, "r+b") as target:
            for part, place in places:
                with open(self._spool(part), "rb") as spool:
                    target.seek(place)
                    shutil.copyfileobj(spool, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        for part in self._files:
            self._spool(part).unlink()
        return "".join(digest.hexdigest() for digest in self._digest.values())

    def _frame(self) -> pa.RecordBatch:
        """The record batch with zeros in place of all numbers."""

        def lists(count: int, kind: DTypeLike) -> pa.LargeListArray:
            offsets = np.zeros(self.sentences + 1, np.int64)
            offsets[-1] = count  # Arrow leaves out values that no offset reaches
            return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(np.zeros(count, kind)))

        columns = {"words": lists(self.tokens, self.word_type)}
        if self.labelled:
            columns["label"] = pa.array(np.zeros(self.sentences, np.int32))
        for name in self.annotations:
            columns[name] = lists(self.span_numbers if name == "spans" else self.tokens, np.int32)
        return pa.record_batch(columns)

    def _places(self) -> list[tuple[str, int]]:
        """Which plain file goes where in the Arrow file, in bytes."""
        with pa.memory_map(str(self.path)) as source:
            whole = source.read_buffer(source.size())
            batch = pa.ipc.open_file(pa.BufferReader(whole)).get_batch(0)
            found = []
            for name in ("words", *self.annotations):
                _, offsets, _, values = batch.column(name).buffers()
                found += [("span_offsets" if name == "spans" else "offsets", offsets), (name, values)]
            if self.labelled:
                found.append(("labels", batch.column("label").buffers()[1]))
            return [(part, buffer.address - whole.address) for part, buffer in found if buffer]

    def _span_offsets(self) -> tuple[str, ...]:
        return ("span_offsets",) if "spans" in self.annotations else ()

    def _spool(self, part: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{part}")


def _bytes(values: NDArray[Any], kind: DTypeLike) -> bytes:
    return np.ascontiguousarray(values, kind).tobytes()
