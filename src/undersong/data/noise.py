"""Noise on sentences: word dropout for training, deleted words for judging robustness.

Word dropout (Bowman et al. 2016) replaces what the decoder reads by UNK, so that it must look at z; the encoder sees
the whole sentence. Deletion is keyed by a seed and the sentence row, so that it does not depend on the batch.

Knows nothing of models.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undersong.data.batch import BOS, PAD, UNK, Batch


def word_dropout(inputs: Tensor, rate: float, generator: torch.Generator | None = None) -> Tensor:
    """Decoder inputs with words replaced by UNK, each with probability ``rate``; never BOS or padding.

    Args:
        inputs: start of sentence and words, ``Batch.inputs``: int64 [B, T + 1].
        rate: probability, 0 to 1.
        generator: of the noise, on the device of ``inputs``; torch's own if None.

    Returns:
        int64 [B, T + 1].

    Raises:
        ValueError: the rate is no probability.

    >>> word_dropout(torch.tensor([[2, 7, 8, 0]]), 1.0).tolist()
    [[2, 1, 1, 0]]
    """
    _check(rate)
    if rate == 0:
        return inputs
    chosen = torch.rand(inputs.shape, device=inputs.device, generator=generator) < rate  # [B, T + 1]
    return inputs.masked_fill(chosen & (inputs != BOS) & (inputs != PAD), UNK)


def delete_words(x: Batch, rate: float, seed: int) -> Batch:
    """Sentences with words deleted, each with probability ``rate``; of each sentence at least one word stays.

    The same sentence (``x.index``) loses the same words whatever batch it comes in.

    Args:
        x: the sentences.
        rate: probability, 0 to 1.
        seed: of the noise.

    Raises:
        ValueError: the rate is no probability.
    """
    _check(rate)
    width = x.tokens.shape[1]
    if width == 0:
        return x
    chance = torch.from_numpy(keyed_uniform(seed, x.index.cpu().numpy(), width)).to(x.tokens.device)  # [B, T]
    inside = torch.arange(width, device=x.tokens.device) < x.lengths[:, None]  # [B, T]
    chance = chance.masked_fill(~inside, -1.0)
    kept = inside & ((chance >= rate) | (chance == chance.amax(1, keepdim=True)))
    lengths = kept.sum(1)  # [B]
    # A stable sort on "deleted" moves the words kept to the front, in their order.
    order = torch.argsort((~kept).to(torch.uint8), dim=1, stable=True)
    moved = x.tokens.gather(1, order)[:, : int(lengths.max())]
    tokens = moved.masked_fill(torch.arange(moved.shape[1], device=moved.device) >= lengths[:, None], PAD)
    return Batch(tokens, lengths, x.index, x.labels)


def keyed_uniform(seed: int, index: NDArray[np.int64], width: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), a pure function of seed, row and column.

    Args:
        seed: any integer.
        index: keys of the rows, int64 [B].
        width: T, the number of columns.

    Returns:
        float64 [B, T]; a wider array begins with the same columns.

    >>> a, b = keyed_uniform(0, np.array([5, 6]), 3), keyed_uniform(0, np.array([6]), 4)
    >>> bool((a[1] == b[0, :3]).all())
    True
    """
    key = splitmix64(np.array([seed & (2**64 - 1)], np.uint64))
    rows = splitmix64(index.astype(np.uint64) ^ key)  # [B]
    bits = splitmix64(rows[:, None] + np.arange(1, width + 1, dtype=np.uint64) * _GOLDEN)  # [B, T]
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def splitmix64(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """What the generator SplitMix64 gives from a state: each of its bits changes half of those of the output.

    Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", with the constants of Vigna's
    splitmix64.c.

    Args:
        state: any numbers, uint64 of any shape.

    Returns:
        uint64, of the same shape; different states give different numbers.

    >>> hex(splitmix64(np.array([0], np.uint64))[0])
    '0xe220a8397b1dcdaf'
    """
    with np.errstate(over="ignore"):
        x = (state + _GOLDEN).astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def _check(rate: float) -> None:
    if not 0 <= rate <= 1:
        raise ValueError(f"A rate of {rate} is no probability: give one from 0 to 1.")
