"""A treebank's annotation as numbers: tags and heads by word, constituents as triples.

Knows nothing of words, files or splits.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


class Annotator:
    """Turns the annotation of many lines into flat arrays.

    Args:
        kinds: which of ``tags``, ``heads`` and ``spans`` to make.
        tags: names of the tags, by number.
        span_labels: names of the labels of constituents, by number.
    """

    def __init__(self, kinds: Sequence[str], tags: Sequence[str], span_labels: Sequence[str]) -> None:
        self.kinds = tuple(kinds)
        self.tags, self.span_labels = (pa.array(names, pa.large_string()) for names in (tags, span_labels))

    def __call__(self, lines: pa.RecordBatch) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64] | None]:
        """The annotation of lines with the columns ``ANNOTATED`` and ``annotated``.

        Returns:
            For each kind the numbers of all lines, end to end, -1 where unknown; and how many numbers of ``spans`` are
            each line's, or None without trees.
        """
        annotated = lines.column("annotated").to_numpy(zero_copy_only=False)
        known = np.repeat(annotated, _lengths(lines.column("tags")))
        out: dict[str, NDArray[Any]] = {"tags": np.where(known, _numbers(lines.column("tags"), self.tags), -1)}
        if "heads" in self.kinds:
            out["heads"] = np.where(known, lines.column("heads").flatten().to_numpy(), -1)
        if "spans" not in self.kinds:
            return out, None
        sizes = _lengths(lines.column("span_labels"))
        kept = np.repeat(annotated, sizes)
        places = lines.column("spans").flatten().to_numpy().reshape(-1, 2)
        triples = np.column_stack([places, _numbers(lines.column("span_labels"), self.span_labels)])
        out["spans"] = triples[kept].reshape(-1)
        return out, 3 * sizes * annotated


def _lengths(lists: pa.LargeListArray) -> NDArray[np.int64]:
    return pc.list_value_length(lists).to_numpy()


def _numbers(lists: pa.LargeListArray, names: pa.Array) -> NDArray[np.int32]:
    return pc.fill_null(pc.index_in(lists.flatten(), names), -1).to_numpy()
