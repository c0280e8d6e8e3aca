"""Whole columns of words to ids: the same answer as ``Tokenizer.encode_words``, for thousands of lines at once.

Knows nothing of splits or files.
"""

from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undersong.data.batch import SPECIAL, UNK
from undersong.data.tokens import Tokenizer

ID = pa.uint32()
_CACHED = 500_000  # words whose pieces are remembered


class Encoder(Protocol):
    """Lists of words to lists of ids."""

    def __call__(self, lines: pa.LargeListArray) -> pa.LargeListArray: ...


class WordEncoder:
    """Looks each word up.

    Args:
        tokenizer: a word-level one.

    >>> encode = WordEncoder(Tokenizer.of_words(["a", "dog"]))
    >>> encode(pa.array([["a", "dog"], [], ["barks"]], pa.large_list(pa.large_string()))).to_pylist()
    [[4, 5], [], [1]]
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.words = pa.array(tokenizer.names[len(SPECIAL) :], pa.large_string())

    def __call__(self, lines: pa.LargeListArray) -> pa.LargeListArray:
        found = pc.index_in(lines.flatten(), self.words)
        ids = pc.fill_null(pc.add(found, len(SPECIAL)), UNK).cast(ID)
        return pa.LargeListArray.from_arrays(_offsets(lines), ids)


class PieceEncoder:
    """Cuts each different word into byte pairs once.

    Args:
        tokenizer: a byte-pair one.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def __call__(self, lines: pa.LargeListArray) -> pa.LargeListArray:
        coded = lines.flatten().dictionary_encode()
        pieces = pa.array([self._pieces(word) for word in coded.dictionary.to_pylist()], pa.large_list(ID))
        spread = pieces.take(coded.indices)
        ends = np.concatenate(([0], np.cumsum(pc.list_value_length(spread).to_numpy(zero_copy_only=False))))
        offsets = ends[_offsets(lines).to_numpy()].astype(np.int64)
        return pa.LargeListArray.from_arrays(pa.array(offsets), spread.flatten())

    def _pieces(self, word: str) -> list[int]:
        found = self._known.get(word)
        if found is None:
            if len(self._known) >= _CACHED:
                self._known.clear()
            found = self._known[word] = self.tokenizer.pieces(word)
        return found


def _offsets(lines: pa.LargeListArray) -> pa.Array:
    """Offsets from zero, even where the lines are a slice of others."""
    offsets = lines.offsets
    return pc.subtract(offsets, offsets[0])
