"""Ancestral sampling: x_t ~ p(x_t | x_<t, z), sharpened or cut off if asked.

A word is found where one uniform number falls among the cumulative probabilities, and that number is keyed by (seed,
sentence, position): a sentence does not depend on its batch. Knows nothing of z or of text.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from undersong.data.batch import SPECIAL
from undersong.decoding.constraint import Constraint
from undersong.decoding.search import Hypothesis, Search
from undersong.decoding.single import write
from undersong.distributions.keyed import keyed_streams
from undersong.errors import UserError
from undersong.nets import Reader, State
from undersong.nets.allowed import Allowed

_POSITIONS = 64


class Sample(Search):
    """Words at random; a hypothesis's ``log_prob`` is the model's own, whatever the options.

    Args:
        temperature: log-probabilities are divided by it: below 1 sharpens, above 1 flattens.
        top_k: only the k most probable words; 0 for all (Fan et al. 2018).
        top_p: only the fewest most probable words that hold this share of the probability (Holtzman et al. 2020).
    """

    def __init__(self, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0):
        if not 1e-6 <= temperature <= 1e6:
            raise UserError(
                f"temperature {temperature} is not from 1e-6 to 1e6: use greedy search for the most probable words."
            )
        if top_k < 0:
            raise UserError(f"top_k {top_k} is below 0: use 0 for all words.")
        if not 0 < top_p <= 1:
            raise UserError(f"top_p {top_p} is not a share above 0 and at most 1.")
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p

    def run(self, decoder: Reader, z: Tensor, rule: Constraint, keys: Tensor, seed: int) -> list[Hypothesis]:
        """One sentence for each z [N, D]."""
        noise = uniforms(keys, seed, z.device)

        def choose(token: Tensor, state: State, allowed: Allowed, rows: Tensor, step: int):
            log_p, state = decoder.step(token, state)
            words = pick(self.sharpened(log_p, allowed), next(noise)[rows])
            if allowed.forced is not None:
                words = torch.where(allowed.forced >= 0, allowed.forced, words)
            return log_p.gather(1, words[:, None]).squeeze(1), words, state

        return write(decoder, z, rule, choose)

    def sharpened(self, log_p: Tensor, allowed: Allowed) -> Tensor:
        """The probabilities to sample from, up to a factor, from log p [n, V]: [n, V]."""
        count = len(SPECIAL)
        special = log_p[:, :count].masked_fill(allowed.banned, -torch.inf)
        p = allowed.among(torch.cat([special, log_p[:, count:]], 1)).div_(self.temperature)
        if 0 < self.top_k < p.shape[1]:
            p.masked_fill_(p < p.topk(self.top_k, 1).values[:, -1:], -torch.inf)
        p = p.softmax(1)
        if self.top_p < 1:
            down, order = p.sort(1, descending=True)
            before = down.cumsum(1) - down  # the share of the words more probable
            p = p.scatter(1, order, down.masked_fill(before >= self.top_p, 0.0))
        return p


def pick(p: Tensor, u: Tensor) -> Tensor:
    """Where u [n] in [0, 1) falls among the cumulative sums of p [n, V]: [n], always a word of p > 0.

    >>> pick(torch.tensor([[0.0, 2.0, 0.0, 2.0]]).expand(3, -1), torch.tensor([0.0, 0.4, 0.9])).tolist()
    [1, 1, 3]
    """
    total = p.cumsum(1)  # [n, V]
    end = total[:, -1:]
    place = torch.minimum(u[:, None].to(p.dtype) * end, torch.nextafter(end, torch.zeros_like(end)))
    return torch.searchsorted(total, place, right=True).squeeze(1)


def uniforms(keys: Tensor, seed: int, device: torch.device | None = None) -> Iterator[Tensor]:
    """A uniform number for each of N keys, again and again, without end: [N] for each position.

    The streams are those of ``keyed_sample``, far ahead: the noise of z and of its words is independent.
    """
    streams = [np.random.Generator(stream.jumped()) for stream in keyed_streams(keys, seed)]
    while True:  # many positions at a time, and no more than are needed: a limit on words may be far away
        yield from torch.from_numpy(np.stack([stream.random(_POSITIONS) for stream in streams])).to(device).T
