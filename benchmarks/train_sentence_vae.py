"""Training a sentence VAE: tokens/s of undersong's own step against the usual implementation.

    python -m benchmarks.train_sentence_vae [--json] [--elbo] [--kept] [--seconds S] [--profile]

Same model, batches, threads and optimiser; arms in turns; medians. Each arm has a process of its own, as whoever uses
it has: ours as `undersong train` runs it, which asks the allocator to keep freed memory (``undersong.memory``), the
opponent as Python runs a script. The opponent is the faster one, on this machine, of two whose logits are products of
torch's BLAS (``usual``) or of oneDNN (``onednn``). ``ratio`` is for the precision that ``auto`` chooses here,
``ratio_fp32`` for fp32; ``ratio_usual`` and ``ratio_usual_fp32`` are against the code as people write it, with its
BLAS. The ceiling is a large product's rate, in turns with the arms, since neighbours slow a machine's cores and above
all their AMX tiles. ``ratio_random_padding`` sets ours against the opponent fed randomly drawn batches, as public
sentence-VAE code is; ``loss_ratio`` is of the first losses, which must be alike. With ``--kept``, ``ratio_kept`` and
``ratio_kept_fp32`` are those where the opponent's allocator (glibc's) is told to keep its memory too: its logits then
cost no page faults. With ``--seconds S``, ``ratio_slowest`` to ``ratio_fastest``, by quarters of the turns from the
slowest machine to the fastest (see ``disturbance``).
See ``opponents/sentence_vae.py``.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import astuple

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.apart import Apart, apart, serve
from benchmarks.common import forget_peak, in_turns, machine, product, require, resident, show, wordnet
from benchmarks.disturbance import by_disturbance
from benchmarks.opponents.sentence_vae import SentenceVAE, Trainer
from benchmarks.sentence_vae import Sizes, ask_sizes, memory_kept, sentence_vae
from undersong.data.batch import Batch
from undersong.data.batching import Batches
from undersong.data.store import Corpus
from undersong.learning.gradient import Gradient
from undersong.memory import keep_freed
from undersong.nets.precision import FP32, Precision, resolve, set_precision
from undersong.objectives import ELBO

SENTENCES = 128


class Ours:
    """The public path: what `undersong train` runs at every step."""

    def __init__(self, sizes: Sizes, precision: Precision) -> None:
        self.system = sentence_vae(sizes, ELBO())
        set_precision(self.system, precision)
        self.learner, self.steps = Gradient(self.system), 0

    def __call__(self, x: Batch) -> float:
        self.steps += 1
        torch.manual_seed(self.steps)
        return float(self.learner.step(x, self.steps)["loss"])


class Usual:
    """The opponent."""

    def __init__(self, sizes: Sizes, onednn: bool = False) -> None:
        torch.manual_seed(0)
        net = SentenceVAE(sizes.vocabulary, sizes.embedding, sizes.hidden, sizes.latent, onednn=onednn)
        self.trainer = Trainer(net)

    def __call__(self, x: Batch) -> float:
        return self.trainer.step(x.tokens, x.lengths, x.inputs, x.targets)


def flops(x: Batch, sizes: Sizes) -> float:
    """Multiplications and additions of our step's matrix products, three times those of the forward pass.

    The usual step has more: it multiplies the vector of a word as often as the word stands in the batch.
    """
    gates = 4 * sizes.hidden
    read = (len(x.tokens.unique()) + len(x.inputs.unique())) * sizes.embedding * gates
    recurrent = (2 * x.tokens.shape[1] + 1) * len(x) * sizes.hidden * gates
    return 6.0 * (read + recurrent + x.num_targets * sizes.hidden * sizes.vocabulary + len(x) * sizes.latent * gates)


def spread(corpus: Corpus, count: int) -> list[Batch]:
    """Batches of the training split from the shortest to the longest, as an epoch has them."""
    rows = sorted(Batches(corpus.train, sentences=SENTENCES).rows(0), key=lambda r: int(corpus.train.lengths[r].max()))
    places = (np.arange(count) + 0.5) / count * len(rows)
    return [corpus.train.batch(rows[int(k)]) for k in places]


def randomly(corpus: Corpus, cases: list[Batch]) -> list[Batch]:
    """As many batches, of sentences in any order."""
    order = np.random.default_rng(0).permutation(len(corpus.train))
    return [corpus.train.batch(order[k * SENTENCES :][:SENTENCES]) for k in range(len(cases))]


def arm(name: str, corpus: Corpus, sizes: Sizes, batches: int, precision: str) -> Callable[[int], float]:
    """An arm, from the number of a case to the loss of a step on it."""
    cases = spread(corpus, batches)
    step: Ours | Usual
    if name in ("auto", "fp32"):
        keep_freed()  # as the command line does
        step = Ours(sizes, Precision(precision if name == "auto" else name))
    else:
        step = Usual(sizes, onednn=name == "onednn")
        cases = randomly(corpus, cases) if name == "random" else cases
    return lambda case: step(cases[case])


def speed(corpus: Corpus, sizes: Sizes, batches: int, rounds: int, threads: int) -> dict[str, float | str]:
    """The ratios and what stands behind them."""
    cases = spread(corpus, batches)
    mixed = randomly(corpus, cases)
    precision = resolve("auto")
    names = ["usual", "onednn", "fp32", "random", *(["auto"] if precision != FP32 else [])]
    with served(names, sizes, batches, threads) as arms:
        # All begin with nearly even predictions, so that their first losses are nearly equal.
        started = require("loss_ratio", arms["usual"](0) / arms["fp32"](0), least=0.95, most=1.05)
        tops = {f"top_{name}": product(kind) for name, kind in (("auto", precision.dtype), ("fp32", torch.float32))}
        times = in_turns({**arms, **tops}, range(batches), rounds)
    top = {name: tops[f"top_{name}"](0) / statistics.median(times.pop(f"top_{name}")) for name in ("auto", "fp32")}
    times.setdefault("auto", times["fp32"])

    def rate(arm: str) -> list[float]:
        return [x.num_targets / t for x, t in zip(mixed if arm == "random" else cases, times[arm], strict=True)]

    def over(ours: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(rate(ours), rate(other), strict=True))

    opponent = min(("usual", "onednn"), key=lambda arm: sum(times[arm]))
    work = sum(flops(x, sizes) for x in cases)
    padded = sum(x.mask.numel() for x in cases) / sum(x.num_targets for x in cases)
    return {
        "precision": precision.name,
        "opponent": opponent,
        "ratio": over("auto", opponent),
        "ratio_fp32": over("fp32", opponent),
        "ratio_usual": over("auto", "usual"),
        "ratio_usual_fp32": over("fp32", "usual"),
        "ratio_random_padding": statistics.mean(rate("auto")) / statistics.mean(rate("random")),
        **{f"tokens_per_second_{arm}": statistics.median(rate(arm)) for arm in times},
        **{f"ceiling_gflops_{arm}": best / 1e9 for arm, best in top.items()},
        **{f"fraction_of_ceiling_{arm}": work / sum(times[arm]) / best for arm, best in top.items()},
        "padding": padded - 1,
        "loss_ratio": started,
    }


def served(names: list[str], sizes: Sizes, batches: int, threads: int) -> AbstractContextManager[dict[str, Apart]]:
    """Arms by name, each in a process of its own."""
    arguments = ["--sizes", *map(str, astuple(sizes)), "--batches", str(batches), "--threads", str(threads)]
    return apart("train_sentence_vae", names, [*arguments, "--precision", resolve("auto").name])


def disturbed(sizes: Sizes, batches: int, seconds: float, threads: int) -> dict[str, float]:
    """The ratio by how fast neighbours leave the machine."""
    with served(["usual", "auto"], sizes, batches, threads) as arms:
        return by_disturbance(arms["auto"], arms["usual"], product(resolve("auto").dtype), batches, seconds)


def memory(corpus: Corpus, sizes: Sizes, arm: str) -> int:
    """Peak memory of a step on the longest batch above weights and optimiser state, bytes; in a fresh process."""
    if arm != "usual":
        keep_freed()
    step = Usual(sizes) if arm == "usual" else Ours(sizes, resolve(arm))
    cases = spread(corpus, 20)
    step(cases[0])  # makes the optimiser's state and loads every kernel
    learner = step.trainer.optimiser if isinstance(step, Usual) else step.learner.adam
    learner.zero_grad(set_to_none=True)
    before = resident()
    forget_peak()
    step(cases[-1])
    return resident("VmHWM") - before


def memories(sizes: Sizes) -> dict[str, float]:
    """Peak memory of each arm, MB, each in its own process."""
    peaks = {}
    for arm in ("usual", "auto", "fp32"):
        command = [sys.executable, "-m", "benchmarks.train_sentence_vae", "--memory", arm]
        command += ["--sizes", *map(str, astuple(sizes))]
        peaks[arm] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1e6
    shares = {f"memory_ratio_{arm}": peaks[arm] / peaks["usual"] for arm in ("auto", "fp32")}
    return {**{f"peak_mb_{arm}": peak for arm, peak in peaks.items()}, **shares}


def bounds(corpus: Corpus, sizes: Sizes, steps: int) -> dict[str, float]:
    """Held-out ELBO, nats a sentence, computed in fp32 after the same steps in fp32 and in bf16."""
    found = {}
    held = [corpus.valid.batch(np.arange(k, k + SENTENCES)) for k in range(0, 8 * SENTENCES, SENTENCES)]
    for name in ("fp32", "bf16"):
        arm, epoch = Ours(sizes, Precision(name)), Batches(corpus.train, sentences=SENTENCES, seed=0)
        for x in (corpus.train.batch(rows) for rows in epoch.rows(0)[:steps]):
            arm(x)
        set_precision(arm.system, FP32)
        arm.system.eval()
        torch.manual_seed(0)
        with torch.no_grad():
            found[f"elbo_{name}"] = -statistics.mean(float(arm.system.loss(x, steps)[1]) for x in held)
    gap = abs(found["elbo_bf16"] / found["elbo_fp32"] - 1)
    return {**found, "elbo_difference": gap, "elbo_steps": steps}


GROUPS = (
    ("matrix products", ("linear", "mm", "addmm", "reorder", "addmv", "mv")),
    ("exp or softmax over the words", ("exp", "softmax", "amax", "logsumexp", "log")),
    ("gates of the LSTMs", ("sigmoid", "tanh", "addcmul", "sigmoid_", "sigmoid_backward", "tanh_backward")),
    ("optimiser and clipping", ("_fused_adamw_", "dot")),
    ("word vectors", ("embedding", "index_select", "embedding_dense_backward", "index_add_", "index")),
)


def where(x: Batch, sizes: Sizes, precision: Precision) -> dict[str, float]:
    """Share of a step's time by kind of work."""
    keep_freed()
    arm = Ours(sizes, precision)
    for _ in range(4):
        arm(x)
    with profile(activities=[ProfilerActivity.CPU]) as record:
        arm(x)
    events = record.key_averages()
    total = sum(e.self_cpu_time_total for e in events)
    shares = {name: 0.0 for name, _ in GROUPS}
    for e in events:
        kernel = e.key.rpartition("::")[2].removeprefix("_linear_pointwise") or "linear"
        kernel = "reorder" if "reorder" in kernel else "linear" if "linear" in e.key and "norm" not in e.key else kernel
        for name, kernels in GROUPS:
            if kernel in kernels or kernel.strip("_") in kernels:
                shares[name] += e.self_cpu_time_total / total
                break
    shares["copies, sums and the rest"] = 1 - sum(shares.values())
    return shares


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--elbo", action="store_true", help="also train in fp32 and in bf16, and compare their ELBO")
    parser.add_argument("--steps", type=int, default=200, help="of the comparison by ELBO")
    parser.add_argument("--profile", action="store_true", help="also print where a step's time goes")
    parser.add_argument("--batches", type=int, default=8, help="from the shortest to the longest")
    parser.add_argument("--rounds", type=int, default=3)
    ask_sizes(parser)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kept", action="store_true", help="also measure where the allocator keeps freed memory")
    parser.add_argument("--arm", choices=("auto", "fp32", "usual", "onednn", "random"), help="only serve one arm")
    parser.add_argument("--precision", default="fp32", help="of the arm `auto`")
    parser.add_argument("--seconds", type=float, default=0, help="also measure for so long, by what neighbours do")
    parser.add_argument("--speed", action="store_true", help="only the speed")
    parser.add_argument("--memory", choices=("usual", "auto", "fp32"), help="only the peak memory of one arm, bytes")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    sizes = Sizes(*chosen.sizes)
    corpus = wordnet(sizes.vocabulary)
    if chosen.memory:
        print(json.dumps(memory(corpus, sizes, chosen.memory)))
        return
    if chosen.arm:
        serve(arm(chosen.arm, corpus, sizes, chosen.batches, chosen.precision))
        return
    result = {**machine(), **speed(corpus, sizes, chosen.batches, chosen.rounds, chosen.threads)}
    if not chosen.speed:
        result |= memories(sizes)
    if chosen.kept:
        arguments = ["--speed", "--batches", str(chosen.batches), "--rounds", str(chosen.rounds)]
        result |= memory_kept("train_sentence_vae", [*arguments, "--threads", str(chosen.threads)], sizes)
    if chosen.seconds:
        result |= disturbed(sizes, chosen.batches, chosen.seconds, chosen.threads)
    if chosen.elbo:
        result |= bounds(corpus, sizes, chosen.steps)
    show(result, chosen.json)
    if chosen.profile:
        middle = spread(corpus, 3)[1]
        for precision in dict.fromkeys((resolve("auto"), FP32)):
            print(f"\nWhere a step goes in {precision.name}:")
            show(where(middle, sizes, precision), as_json=False)


if __name__ == "__main__":
    main()
