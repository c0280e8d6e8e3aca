"""How many words of a dependency tree have the right head (Klein and Manning 2004).

Directed: the head is right. Undirected: the arc is there in either direction; a root's arc counts only if both make the
word a root. Knows nothing of punctuation: the caller says which words count.
"""

import numpy as np
from numpy.typing import NDArray

Heads = NDArray[np.integer]


def attached(known: Heads, found: Heads) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each word of one sentence, whether its arc is right, directed and undirected: bool [T] each.

    Args:
        known, found: heads, 0 for the root, 1 to T for a word: int [T].

    >>> directed, undirected = attached(np.array([2, 0]), np.array([0, 1]))
    >>> directed.tolist(), undirected.tolist()
    ([False, False], [True, False])
    """
    right = known == found
    word = np.arange(1, len(known) + 1)
    inside = known > 0  # the known head of a word, turned round: that head hangs from the word
    turned = np.zeros(len(known), dtype=bool)
    turned[inside] = found[known[inside] - 1] == word[inside]
    return right, right | turned
