"""Importance-sampled likelihood, 500 samples a sentence: undersong's own path against one sentence at a time.

    python -m benchmarks.importance_sampling [--json] [--kept]

Same weights, sentences, samples, noise and threads; arms in turns, each in a process of its own (see
``train_sentence_vae``); medians. The opponent is the faster one, on this machine, of two whose logits are products of
torch's BLAS (``one_sentence``) or of oneDNN (``onednn``). ``ratio`` is for the precision that auto chooses on this
machine, ``ratio_fp32`` for fp32; ``ratio_usual`` and ``ratio_usual_fp32`` are against the code as people write it, with
its BLAS. ``difference_nats`` is the mean absolute difference of a sentence's figure between that precision and the
opponent, whose arithmetic is fp32. The model is trained a little beforehand, so that its logits are not flat.
``batch_nats_apart`` is the largest difference that our fp32 figure of a sentence makes when it is computed in a batch
and alone. With ``--kept``, ``ratio_kept`` and ``ratio_kept_fp32`` are those where the opponent's allocator (glibc's) is
told to keep its memory too. See ``opponents/one_sentence.py``.
"""

import argparse
from dataclasses import astuple
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.apart import apart, serve
from benchmarks.common import in_turns, machine, require, show, wordnet
from benchmarks.opponents.one_sentence import OneSentence
from benchmarks.sentence_vae import Sizes, Training, ask_sizes, copy_lstm, memory_kept, trained
from undersong.data.store import Split
from undersong.distributions import keyed_sample
from undersong.evaluation.likelihood import likelihood
from undersong.evaluation.subset import fixed_subset
from undersong.families import DiagonalGaussian
from undersong.learning.system import System
from undersong.memory import keep_freed
from undersong.nets.precision import FP32, Precision, resolve, using
from undersong.objectives import AutoGen

NAMED = ("samples", "cases", "sentences", "steps", "threads")  # arguments that an arm must share
Rows = NDArray[np.int64]
Nats = dict[int, float]  # -log p(x), by row


class Ours:
    """The path of `undersong evaluate`."""

    def __init__(self, system: System, split: Split, samples: int, precision: Precision) -> None:
        self.system, self.split, self.samples, self.precision = system, split, samples, precision
        self.found: Nats = {}

    def __call__(self, rows: Rows) -> Nats:
        with using(self.system, self.precision):
            found = likelihood(self.system, self.split, rows, self.samples)
        new = dict(zip(found.rows.tolist(), (-found.log_p).tolist(), strict=True))
        self.found |= new
        return new


class OneAtATime:
    """The opponent, with our weights and our noise."""

    def __init__(self, system: System, sizes: Sizes, split: Split, samples: int, onednn: bool = False) -> None:
        self.split, self.samples, self.latent = split, samples, sizes.latent
        self.net = copied(system, sizes, onednn)

    def __call__(self, rows: Rows) -> Nats:
        found = {}
        for row in rows.tolist():
            x = self.split.batch([row])
            found[row] = self.net.nll(x.tokens[0], x.inputs[0], x.targets[0], self.noise(x.index))
        return found

    def noise(self, index: Tensor) -> Tensor:
        """The noise that undersong draws for a sentence: [S, D]."""
        standard = DiagonalGaussian(self.latent)(torch.zeros(1, 2 * self.latent))
        return keyed_sample(standard, index, self.samples, 0)[:, 0]


def copied(system: System, sizes: Sizes, onednn: bool) -> OneSentence:
    """The same weights in the opponent's layers."""
    net = OneSentence(sizes.vocabulary, sizes.embedding, sizes.hidden, sizes.latent, onednn)
    decoder, inference = cast(Any, system.model).decoder, cast(Any, system.inference)
    copy_lstm(inference.encoder.layer, net.encoder)
    copy_lstm(decoder.layer, net.decoder)
    with torch.no_grad():
        net.encoder_embedding.weight.copy_(inference.encoder.embed.weight)
        net.decoder_embedding.weight.copy_(decoder.embed.weight)
        net.posterior.load_state_dict(inference.head.state_dict())
        net.output.weight.copy_(decoder.vocabulary.weight)
        net.output.bias.copy_(decoder.vocabulary.bias)
    return net.eval()


def cases(split: Split, count: int, size: int) -> list[Rows]:
    """Neighbours by length in the fixed subset that `evaluate` judges, from short to long."""
    rows = fixed_subset(split, 500)
    rows = rows[np.argsort(split.lengths[rows], kind="stable")]
    places = ((np.arange(count) + 0.5) / count * (len(rows) - size)).astype(int)
    return [rows[k : k + size] for k in places]


def serve_arm(
    name: str, work: list[Rows], system: System, sizes: Sizes, split: Split, samples: int, precision: Precision
) -> None:
    """One arm, asked for cases by their number."""
    arm: Ours | OneAtATime
    if name in ("auto", "fp32"):
        keep_freed()  # as the command line does
        arm = Ours(system, split, samples, precision if name == "auto" else FP32)
    else:
        arm = OneAtATime(system, sizes, split, samples, onednn=name == "onednn")
    serve(lambda case: arm(work[case]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--cases", type=int, default=4, help="from short to long sentences")
    parser.add_argument("--sentences", type=int, default=4, help="of each case")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60, help="of training beforehand")
    parser.add_argument("--kept", action="store_true", help="also measure where the allocator keeps freed memory")
    parser.add_argument("--arm", choices=("one_sentence", "onednn", "fp32", "auto"), help="only serve one arm")
    parser.add_argument("--precision", default="fp32", help="of the arm `auto`")
    ask_sizes(parser)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    sizes, precision = Sizes(*chosen.sizes), resolve("auto")
    corpus = wordnet(sizes.vocabulary)
    system = trained(corpus, sizes, Training(AutoGen(1.0), chosen.steps))  # AutoGen, so that it already reads z
    split = corpus.valid
    work = cases(split, chosen.cases, chosen.sentences)
    if chosen.arm:
        serve_arm(chosen.arm, work, system, sizes, split, chosen.samples, Precision(chosen.precision))
        return
    found: dict[str, Nats] = {}
    names = ["one_sentence", "onednn", "fp32", *(["auto"] if precision != FP32 else [])]
    arguments = [word for name in NAMED for word in (f"--{name}", str(getattr(chosen, name)))]
    arguments += ["--precision", precision.name, "--sizes", *map(str, astuple(sizes))]
    with apart("importance_sampling", names, arguments) as arms:
        times = in_turns(arms, range(len(work)), chosen.rounds)
        for name, one in arms.items():
            found[name] = {int(row): nats for k in range(len(work)) for row, nats in one(k).items()}
    times.setdefault("auto", times["fp32"])
    found.setdefault("auto", found["fp32"])
    rows, truth = np.concatenate(work), found["one_sentence"]
    tokens = chosen.samples * float((split.lengths[rows] + 1).sum())

    faster = min(("one_sentence", "onednn"), key=lambda arm: sum(times[arm]))

    def over(arm: str, other: str) -> float:
        return float(np.median(np.array(times[other]) / times[arm]))

    def off(arm: str) -> list[float]:
        return [abs(found[arm][row] - truth[row]) for row in truth]

    alone = Ours(system, split, chosen.samples, FP32)
    for row in rows:
        alone(np.array([row]))
    result = {
        **machine(),
        "precision": precision.name,
        "opponent": faster,
        "ratio": over("auto", faster),
        "ratio_fp32": over("fp32", faster),
        "ratio_usual": over("auto", "one_sentence"),
        "ratio_usual_fp32": over("fp32", "one_sentence"),
        "difference_nats": require("difference_nats", float(np.mean(off("auto"))), most=0.05),
        "difference_nats_worst": max(off("auto")),
        "difference_nats_fp32": require("difference_nats_fp32", float(np.mean(off("fp32"))), most=1e-2),
        "batch_nats_apart": require(
            "batch_nats_apart", max(abs(found["fp32"][row] - alone.found[row]) for row in truth), most=1e-3
        ),
        "nll": float(np.mean(list(truth.values()))),
        "samples": chosen.samples,
        "sentences": len(rows),
        **{f"tokens_per_second_{arm}": tokens / sum(times[arm]) for arm in times},
    }
    if chosen.kept:
        again = [word for name in (*NAMED, "rounds") for word in (f"--{name}", str(getattr(chosen, name)))]
        result |= memory_kept("importance_sampling", again, sizes)
    show(result, chosen.json)


if __name__ == "__main__":
    main()
