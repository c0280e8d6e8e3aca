"""How often each word occurs, exactly, in bounded memory.

Counts are kept in a table of distinct words; when it outgrows its bound it is written to disk as a run sorted by word,
and the runs are merged at the end. Knows nothing of sentences or splits.
"""

import heapq
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

_SCHEMA = pa.schema({"word": pa.large_string(), "count": pa.int64()})


class WordCounts:
    """Counts words.

    Args:
        folder: where runs are written, should there be too many words for memory.
        bound: distinct words held in memory, at most.

    >>> counts = WordCounts(Path("unused"))
    >>> counts.add(pa.array(["b", "a", "b", "c"], pa.large_string()))
    >>> counts.most_common(2)
    [('b', 2), ('a', 1)]
    """

    def __init__(self, folder: Path, bound: int = 2_000_000) -> None:
        self.folder, self.bound = folder, bound
        self._table = _SCHEMA.empty_table()
        self._recent: list[pa.RecordBatch] = []
        self._waiting = 0
        self._runs: list[Path] = []

    def add(self, words: pa.Array) -> None:
        """Count an array of words."""
        found = pc.value_counts(words)
        self._recent.append(pa.record_batch([found.field(0).cast(pa.large_string()), found.field(1)], schema=_SCHEMA))
        self._waiting += len(found)
        if self._waiting > min(200_000, self.bound):
            self._merge()

    def _merge(self) -> None:
        together = pa.concat_tables([self._table, pa.Table.from_batches(self._recent, _SCHEMA)])
        summed = together.group_by("word").aggregate([("count", "sum")])
        self._table = summed.select(["word", "count_sum"]).rename_columns(["word", "count"]).combine_chunks()
        self._recent, self._waiting = [], 0
        if len(self._table) > self.bound:
            self._spill()

    def _spill(self) -> None:
        path = self.folder / f"words.{len(self._runs)}.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _SCHEMA) as out:
            out.write_table(self._table.sort_by("word"), max_chunksize=8192)
        self._runs.append(path)
        self._table = _SCHEMA.empty_table()

    def most_common(self, size: int) -> list[tuple[str, int]]:
        """The most frequent words and their counts, most frequent first, ties by code point."""
        self._merge()
        if not self._runs:
            # Sorting by bytes of UTF-8 is sorting by code point.
            order = pc.select_k_unstable(self._table, size, [("count", "descending"), ("word", "ascending")])
            best = self._table.take(order)
            return list(zip(best["word"].to_pylist(), best["count"].to_pylist(), strict=True))
        self._spill()
        best_first = heapq.nsmallest(size, self._merged(), key=lambda item: (-item[1], item[0]))
        for path in self._runs:
            path.unlink()
        return best_first

    def _merged(self) -> Iterator[tuple[str, int]]:
        runs = heapq.merge(*(_rows(path) for path in self._runs))
        for word, group in groupby(runs, key=lambda item: item[0]):
            yield word, sum(count for _, count in group)


def _rows(path: Path) -> Iterator[tuple[str, int]]:
    with pa.OSFile(str(path), "rb") as source:
        reader = pa.ipc.open_file(source)
        for i in range(reader.num_record_batches):
            batch = reader.get_batch(i)
            yield from zip(batch["word"].to_pylist(), batch["count"].to_pylist(), strict=True)
