"""Writing one hypothesis a sentence, word by word; what greedy search and sampling share.

Finished sentences leave the batch. Knows nothing of how a word is chosen.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from undersong.data.batch import BOS, EOS
from undersong.decoding.constraint import Constraint
from undersong.decoding.search import Hypothesis
from undersong.nets import Reader, State
from undersong.nets.allowed import Allowed

# (words read [n], state, what may come, rows of the batch [n], step) -> log p [n] of the words chosen [n], new state
Choose = Callable[[Tensor, State, Allowed, Tensor, int], tuple[Tensor, Tensor, State]]


def write(decoder: Reader, z: Tensor, rule: Constraint, choose: Choose) -> list[Hypothesis]:
    """Write a sentence from each z [N, D], choosing every word by ``choose``."""
    rows = torch.arange(len(z), device=z.device)  # the unfinished sentences
    token, state, position = torch.full_like(rows, BOS), decoder.start(z), torch.zeros_like(rows)
    log_prob = torch.zeros(len(z), dtype=torch.float64, device=z.device)
    history = []
    step = 0
    while len(rows):
        log_p, token, state = choose(token, state, rule.at(rows, position, step), rows, step)
        position = rule.after(rows, position, token)
        log_prob[rows] += log_p.double()
        written = torch.full((len(z),), EOS, device=z.device)
        written[rows] = token
        history.append(written)
        going = (token != EOS).nonzero().squeeze(1)
        if len(going) < len(rows):
            rows, token, position, state = rows[going], token[going], position[going], state.select(going)
        step += 1
    words = torch.stack(history, 1).tolist()  # [N, T], padded with the end
    return [Hypothesis(w[: w.index(EOS)], p, p) for w, p in zip(words, log_prob.tolist(), strict=True)]
