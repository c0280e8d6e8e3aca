"""What a treebank's brackets and a sentence's length allow of a constituency tree.

Knows nothing of grammars.
"""

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.errors import UserError


def need_two_words(x: Batch) -> None:
    """Binary trees have two leaves or more.

    Raises:
        UserError: a sentence has fewer words.
    """
    if len(x) and int(x.lengths.min()) < 2:
        raise UserError(
            "A grammar of binary trees has none for a sentence of one word: prepare the corpus with --min_words 2."
        )


def crossing(spans: Tensor, words: int) -> Tensor:
    """Which constituents cross a bracket: bool [B, T, T] (first word, last word).

    In a binary tree that no bracket is crossed by, every bracket is a constituent.

    Args:
        spans: brackets (first word, word after the last, label) padded with -1: int64 [B, S, 3].
        words: T.

    >>> crossing(torch.tensor([[[1, 3, 0]]]), 3)[0].nonzero().tolist()  # only "0 1" crosses "1 2"
    [[0, 1]]
    """
    first = torch.arange(words, device=spans.device)[:, None]
    after = torch.arange(1, words + 1, device=spans.device)
    wrong = torch.zeros(len(spans), words, words, dtype=torch.bool, device=spans.device)
    for bracket in spans.unbind(1):
        begin, end = bracket[:, 0, None, None], bracket[:, 1, None, None]
        wrong |= (begin < first) & (first < end) & (end < after)
        wrong |= (first < begin) & (begin < after) & (after < end)
    return wrong & (first < after)
