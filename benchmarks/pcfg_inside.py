"""The inside algorithm of a PCFG, log partition and gradient, against torch_struct's ``SentCFG``.

    python -m benchmarks.pcfg_inside [--json]

30 nonterminals, 60 preterminals, 20 words, batch 32, float32: log Z of every sentence and the gradient of their sum by
root, rules and emissions. The rules are one table, as of a PCFG; torch_struct wants a table a sentence and gets the
expanded one, as its users write it. ``ratio`` is of seconds; ``ratio_own`` that with a table a sentence in both arms,
as of a compound PCFG. Arms in turns, medians; log Z and expected rule counts of the measured runs must agree.
torch_struct's memory grows with the batch (about 4 GB for all): ``--opponent`` says how many sentences it gets at a
time; its seconds are always those of the whole batch.

Ours alone at 40 words: seconds, and the peak of memory above what was held before.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import astuple, dataclass

import torch
import torch_struct
from torch import Tensor

from benchmarks.common import forget_peak, in_turns, machine, require, resident, show
from undersong.distributions import Tree

Scores = tuple[Tensor, Tensor, Tensor]
Result = tuple[Tensor, Tensor, Tensor, Tensor]  # log Z, and gradients by root, rules and emissions


@dataclass(frozen=True)
class Sizes:
    """Of the grammar and of the batch."""

    nonterminals: int = 30
    preterminals: int = 60
    words: int = 20
    long: int = 40
    sentences: int = 32


def grammar(sizes: Sizes, words: int, own: bool) -> Scores:
    """Random root [1 or B, N], rules [1 or B, N, S, S] and emissions [B, T, P], normalised but for the emissions."""
    generator = torch.Generator().manual_seed(0)
    n, p = sizes.nonterminals, sizes.preterminals
    rows = sizes.sentences if own else 1
    rules = torch.randn(rows, n, (n + p) ** 2, generator=generator).log_softmax(-1).view(rows, n, n + p, n + p)
    emission = torch.randn(sizes.sentences, words, p, generator=generator) - 8
    return torch.randn(rows, n, generator=generator).log_softmax(-1), rules, emission


def ours(scores: Scores) -> Result:
    """As our users write it."""
    root, rules, emission = (t.detach().requires_grad_() for t in scores)
    lengths = torch.full(emission.shape[:1], emission.shape[1])
    value = Tree(root, rules, emission, lengths).log_partition
    top, table, words = torch.autograd.grad(value.sum(), (root, rules, emission))
    return value.detach(), top, table, words


def theirs(scores: Scores, at_once: int) -> Result:
    """As torch_struct's users write it, ``at_once`` sentences at a time; gradients of shared tables add up."""
    root, rules, emission = (t.detach().requires_grad_() for t in scores)
    values = []
    for part in torch.arange(len(emission)).split(at_once):
        top, table = (t[part] if len(t) > 1 else t.expand(len(part), *t.shape[1:]) for t in (root, rules))
        lengths = torch.full(part.shape, emission.shape[1])
        value = torch_struct.SentCFG((emission[part], table, top), lengths=lengths).partition
        value.sum().backward()
        values.append(value.detach())
    assert root.grad is not None
    assert rules.grad is not None
    assert emission.grad is not None
    return torch.cat(values), root.grad, rules.grad, emission.grad


def apart(first: Result, second: Result) -> tuple[float, float]:
    """The largest relative difference of log Z, and of gradients beside the largest one."""
    value = ((first[0] - second[0]) / second[0]).abs().max().item()
    gradients = zip(first[1:], second[1:], strict=True)
    return value, max(((a - b).abs().max() / b.abs().max()).item() for a, b in gradients)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--opponent", type=int, help="sentences at a time for torch_struct, by default all")
    usual = astuple(Sizes())
    parser.add_argument(
        "--sizes", type=int, nargs=5, default=usual, help="symbols of both kinds, words, most, sentences"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu-time", action="store_true", help="count processor seconds, for a busy machine")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    warnings.filterwarnings("ignore", module="torch")
    clock = time.process_time if chosen.cpu_time else time.perf_counter
    sizes = Sizes(*chosen.sizes)
    at_once = chosen.opponent or sizes.sentences
    # First, so that the peak is not hidden in memory that was held before.
    long = grammar(sizes, sizes.long, own=False)
    forget_peak()
    before = resident()
    ours(long)
    peak = resident("VmHWM") - before
    seconds_long = in_turns({"ours": ours}, [long], chosen.rounds, clock)["ours"][0]
    arms: dict[str, Callable[[Scores], Result]] = {"ours": ours, "theirs": lambda s: theirs(s, at_once)}
    cases = [grammar(sizes, sizes.words, own) for own in (False, True)]
    found: dict[tuple[str, int], Result] = {}

    def kept(name: str) -> Callable[[int], None]:
        def arm(case: int) -> None:
            found[name, case] = arms[name](cases[case])

        return arm

    times = in_turns({name: kept(name) for name in arms}, range(len(cases)), chosen.rounds, clock)
    differences = [apart(found["ours", case], found["theirs", case]) for case in range(len(cases))]
    result = {
        **machine(),
        "ratio": times["theirs"][0] / times["ours"][0],
        "ratio_own": times["theirs"][1] / times["ours"][1],
        "seconds": times["ours"][0],
        "seconds_own": times["ours"][1],
        "seconds_theirs": times["theirs"][0],
        "seconds_theirs_own": times["theirs"][1],
        "log_z_apart": require("log_z_apart", max(d[0] for d in differences), most=1e-5),
        "gradient_apart": require("gradient_apart", max(d[1] for d in differences), most=1e-4),
        "seconds_40_words": seconds_long,
        "peak_mb_40_words": peak / 1e6,
        "opponent_sentences_at_once": at_once,
        "opponent": f"torch_struct SentCFG {sizes.words} words, batch {sizes.sentences}",
    }
    show(result, chosen.json)


if __name__ == "__main__":
    main()
