"""Noise on words: what a decoder must do without, and what an encoder must survive.

Knows nothing of the nets that read the noisy words.
"""

import torch
from torch import Tensor

from undersong.data.batch import BOS, UNK


def word_dropout(inputs: Tensor, rate: float, generator: torch.Generator | None = None) -> Tensor:
    """Replace each word of a decoder's inputs by the unknown word with probability ``rate`` (Bowman et al. 2016).

    The start symbol stays. So a decoder cannot rely on the words before and must ask z.

    Args:
        inputs: int64 [B, T + 1].
        rate: in [0, 1].
        generator: of the randomness; torch's own by default.
    """
    if rate == 0.0:
        return inputs
    dropped = torch.rand(inputs.shape, generator=generator, device=inputs.device) < rate
    return inputs.masked_fill(dropped & (inputs != BOS), UNK)
