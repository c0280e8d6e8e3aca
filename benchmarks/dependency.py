"""Eisner's algorithm, partition and marginals, against torch_struct's ``DependencyCRF``.

    python -m benchmarks.dependency [--json]

30 words, batch 32, float32, projective trees with one root: log Z and the probability of every arc, asked of a
distribution made anew. torch_struct's ``marginals`` would go through the recursion of its ``partition`` once more, so
it is asked for ``partition`` and its gradient, which is the same in one pass. ``ratio`` is of seconds;
``ratio_multiroot`` that with several roots allowed, ``ratio_gradient`` that where ours too goes through autograd, as
in training. Arms in turns, medians; both arms' numbers are compared in the same run, and must agree. torch_struct's
arcs are [head, child] among words with the root's on the diagonal: each arm gets its own layout, made beforehand.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import torch
import torch_struct
from torch import Tensor

from benchmarks.common import in_turns, machine, require, show
from undersong.distributions import Dependency

Result = tuple[Tensor, Tensor]  # log Z [B], and marginals [B, T, T] in torch_struct's layout


def folded(arcs: Tensor) -> Tensor:
    """[B, T + 1, T + 1] with the root first as [B, T, T] with the root's arcs on the diagonal."""
    out = arcs[:, 1:, 1:].clone()
    out.diagonal(0, 1, 2).copy_(arcs[:, 0, 1:])
    return out


class Case:
    """Scores in both layouts."""

    def __init__(self, words: int, sentences: int, seed: int, multiroot: bool, gradient: bool):
        generator = torch.Generator().manual_seed(seed)
        self.arcs = torch.randn(sentences, words + 1, words + 1, generator=generator)
        self.folded = folded(self.arcs)
        self.lengths = torch.full((sentences,), words)
        self.multiroot, self.gradient = multiroot, gradient


def ours(case: Case) -> Result:
    """As our users write it."""
    if case.gradient:
        arcs = case.arcs.detach().requires_grad_()
        value = Dependency(arcs, case.lengths, case.multiroot).log_partition
        return value.detach(), torch.autograd.grad(value.sum(), arcs)[0]
    trees = Dependency(case.arcs, case.lengths, case.multiroot)
    (marginals,) = trees.marginals
    return trees.log_partition, marginals


def theirs(case: Case) -> Result:
    """As a user writes it who knows that one pass has both."""
    arcs = case.folded.detach().requires_grad_()
    value = torch_struct.DependencyCRF(arcs, lengths=case.lengths, multiroot=case.multiroot).partition
    return value.detach(), torch.autograd.grad(value.sum(), arcs)[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--words", type=int, default=30)
    parser.add_argument("--sentences", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu-time", action="store_true", help="count processor seconds, for a busy machine")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    warnings.filterwarnings("ignore", module="torch")
    arms: dict[str, Callable[[Case], Result]] = {"ours": ours, "theirs": theirs}
    size = chosen.words, chosen.sentences
    cases = [Case(*size, 0, False, False), Case(*size, 1, True, False), Case(*size, 2, False, True)]
    log_z, marginals = 0.0, 0.0
    for case in cases:
        (value, probabilities), (their_value, their_probabilities) = ours(case), theirs(case)
        log_z = max(log_z, ((value - their_value) / their_value).abs().max().item())
        marginals = max(marginals, (folded(probabilities) - their_probabilities).abs().max().item())
    times = in_turns(arms, cases, chosen.rounds, time.process_time if chosen.cpu_time else time.perf_counter)
    ratios = [there / here for here, there in zip(times["ours"], times["theirs"], strict=True)]
    result = {
        **machine(),
        **dict(zip(("ratio", "ratio_multiroot", "ratio_gradient"), ratios, strict=True)),
        "milliseconds": 1e3 * times["ours"][0],
        "milliseconds_theirs": 1e3 * times["theirs"][0],
        "log_z_apart": require("log_z_apart", log_z, most=1e-5),
        "marginals_apart": require("marginals_apart", marginals, most=1e-4),
        "opponent": f"torch_struct DependencyCRF {chosen.words} words, batch {chosen.sentences}",
    }
    show(result, chosen.json)


if __name__ == "__main__":
    main()
