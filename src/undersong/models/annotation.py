"""What is known of a sentence's hidden states beforehand: a gold tag is its word's state; no words, no states.

Knows nothing of models: it forbids scores.
"""

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.errors import UserError


def contradicted(x: Batch, states: int) -> Tensor | None:
    """Which states of each word contradict its tag: bool [B, T, K]; None where the corpus has no tags.

    Args:
        x: sentences; -1 among their tags is unknown, and contradicts nothing.
        states: K. Tag k is state k.

    Raises:
        UserError: a tag is no state.
    """
    if x.tags is None:
        return None
    largest = int(x.tags.max()) if x.tags.numel() else -1
    if largest >= states:
        raise UserError(
            f"The corpus has tag number {largest}, and the model only {states} states, numbered from 0: give the model "
            f"at least {largest + 1}."
        )
    known = x.tags[..., None] >= 0  # [B, T, 1]
    return known & (x.tags[..., None] != torch.arange(states, device=x.tags.device))


def restricted(emission: Tensor, x: Batch) -> Tensor:
    """Scores [B, T, K] of which those that contradict a tag are -inf."""
    wrong = contradicted(x, emission.shape[-1])
    return emission if wrong is None else emission.masked_fill(wrong, -torch.inf)


def never_empty(scores: Tensor, x: Batch) -> Tensor:
    """Scores [B, T, ...] that leave no structure to a sentence without words."""
    empty = x.lengths == 0
    if not bool(empty.any()):
        return scores
    return scores.masked_fill(empty.view(-1, *[1] * (scores.dim() - 1)), -torch.inf)
