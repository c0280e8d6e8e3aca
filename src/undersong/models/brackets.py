"""What a treebank's brackets and a sentence's length allow of a constituency tree.

Knows nothing of grammars.
"""

import warnings

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.distributions.tree import Tree
from undersong.errors import UserError


def need_two_words(x: Batch) -> None:
    """Binary trees have two leaves or more.

    Raises:
        UserError: a sentence has fewer words.
    """
    if len(x) and int(x.lengths.min()) < 2:
        raise UserError(
            "A grammar of binary trees has none for a sentence of one word: prepare the corpus with --min-words 2."
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


def without_crossing(tree: Tree, x: Batch) -> Tree:
    """The same trees, but those with a constituent that crosses a bracket of ``x.spans``.

    A sentence whose own brackets cross has no tree; it keeps all its constituents, and a warning counts such sentences.

    Raises:
        UserError: the charts of sentences this long do not fit in memory.
    """
    if x.spans is None or not x.spans.shape[1]:
        return tree
    tree.check_memory()  # the table of constituents is as long and wide as a chart
    wrong = crossing(x.spans, x.tokens.shape[1])  # [B, T, T]
    begin, end = x.spans[..., 0].clamp(min=0), (x.spans[..., 1] - 1).clamp(min=0)
    rows = torch.arange(len(x), device=wrong.device)[:, None]
    impossible = (wrong[rows, begin, end] & (x.spans[..., 0] >= 0)).any(-1)  # a bracket crosses another
    if impossible.any():
        warnings.warn(
            f"The brackets of {int(impossible.sum())} of {len(x)} sentences cross each other: these are treated as "
            "sentences without brackets.",
            stacklevel=2,
        )
    root, binary, emission, span = tree.potentials
    span = span.masked_fill((wrong & ~impossible[:, None, None])[..., None], -torch.inf)
    return tree.replace((root, binary, emission, span))
