"""Which sentences of a split stand for all of it in a costly measure: always the same ones.

A sentence is chosen by a hash of its words, so that the choice depends neither on the order of the split nor on any
seed, and every model on a corpus is judged on the same sentences. Knows nothing of models.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from undersong.data.store import Split


def fixed_subset(split: Split, size: int | None) -> NDArray[np.int64]:
    """Rows of the ``size`` sentences with the smallest hashes, rising; all rows if there are no more, or for None.

    Args:
        split: any.
        size: how many.
    """
    count = len(split)
    if size is None or size >= count:
        return np.arange(count)
    hashes = [_hash(split.ids(row)) for row in range(count)]
    smallest = sorted(range(count), key=lambda row: (hashes[row], row))[:size]
    return np.sort(np.array(smallest, dtype=np.int64))


def _hash(ids: NDArray[np.integer]) -> bytes:
    return blake2b(ids.astype("<u4").tobytes(), digest_size=8).digest()
