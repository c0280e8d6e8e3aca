"""Importance-sampled likelihood, 500 samples a sentence: undersong's own path against one sentence at a time.

    python -m benchmarks.importance_sampling [--json] [--kept]

Same weights, sentences, samples, noise and threads; arms in turns; medians. The opponent is the faster one, on this
machine, of two whose logits are products of torch's BLAS (``one_sentence``) or of oneDNN (``onednn``). ``ratio`` is for
the precision that auto chooses on this machine, ``ratio_fp32`` for fp32; ``ratio_usual`` and ``ratio_usual_fp32`` are
against the code as people write it, with its BLAS. ``difference_nats`` is the mean absolute difference of a sentence's
figure between that precision and the opponent, whose arithmetic is fp32. The model is trained a little beforehand, so
that its logits are not flat. ``batch_nats_apart`` is the largest difference that our fp32 figure of a sentence makes
when it is computed in a batch and alone. With ``--kept``, ``ratio_kept`` and ``ratio_kept_fp32`` are those of a process
whose allocator (glibc's) keeps what it was given. See ``opponents/one_sentence.py``.
"""

import argparse
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.common import in_turns, machine, require, show, wordnet
from benchmarks.opponents.one_sentence import OneSentence
from benchmarks.sentence_vae import Sizes, Training, ask_sizes, copy_lstm, memory_kept, trained
from undersong.data.store import Split
from undersong.distributions import keyed_sample
from undersong.evaluation.likelihood import likelihood
from undersong.evaluation.subset import fixed_subset
from undersong.families import DiagonalGaussian
from undersong.learning.system import System
from undersong.nets.precision import FP32, Precision, resolve, using
from undersong.objectives import AutoGen

Rows = NDArray[np.int64]


class Ours:
    """The path of `undersong evaluate`."""

    def __init__(self, system: System, split: Split, samples: int, precision: Precision) -> None:
        self.system, self.split, self.samples, self.precision = system, split, samples, precision
        self.found: dict[int, float] = {}  # nats, by row

    def __call__(self, rows: Rows) -> None:
        with using(self.system, self.precision):
            found = likelihood(self.system, self.split, rows, self.samples)
        self.found |= dict(zip(found.rows.tolist(), (-found.log_p).tolist(), strict=True))


class OneAtATime:
    """The opponent, with our weights and our noise."""

    def __init__(self, system: System, sizes: Sizes, split: Split, samples: int, onednn: bool = False) -> None:
        self.split, self.samples, self.latent = split, samples, sizes.latent
        self.net = copied(system, sizes, onednn)
        self.found: dict[int, float] = {}

    def __call__(self, rows: Rows) -> None:
        for row in rows.tolist():
            x = self.split.batch([row])
            self.found[row] = self.net.nll(x.tokens[0], x.inputs[0], x.targets[0], self.noise(x.index))

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
    ask_sizes(parser)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    sizes, precision = Sizes(*chosen.sizes), resolve("auto")
    corpus = wordnet(sizes.vocabulary)
    system = trained(corpus, sizes, Training(AutoGen(1.0), chosen.steps))  # AutoGen, so that it already reads z
    split = corpus.valid
    work = cases(split, chosen.cases, chosen.sentences)
    opponent, fp32 = OneAtATime(system, sizes, split, chosen.samples), Ours(system, split, chosen.samples, FP32)
    ours = Ours(system, split, chosen.samples, precision) if precision != FP32 else fp32
    arms: dict[str, Callable[[Rows], None]] = {"one_sentence": opponent, "fp32": fp32, "auto": ours}
    arms["onednn"] = OneAtATime(system, sizes, split, chosen.samples, onednn=True)
    times = in_turns(arms, work, chosen.rounds)
    rows, truth = np.concatenate(work), opponent.found
    tokens = chosen.samples * float((split.lengths[rows] + 1).sum())

    faster = min(("one_sentence", "onednn"), key=lambda arm: sum(times[arm]))

    def over(arm: str, other: str) -> float:
        return float(np.median(np.array(times[other]) / times[arm]))

    def apart(arm: Ours) -> float:
        return float(np.mean([abs(arm.found[row] - truth[row]) for row in truth]))

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
        "difference_nats": require("difference_nats", apart(ours), most=0.05),
        "difference_nats_worst": max(abs(ours.found[row] - truth[row]) for row in truth),
        "difference_nats_fp32": require("difference_nats_fp32", apart(fp32), most=1e-2),
        "batch_nats_apart": require(
            "batch_nats_apart", max(abs(fp32.found[row] - alone.found[row]) for row in truth), most=1e-3
        ),
        "nll": float(np.mean(list(truth.values()))),
        "samples": chosen.samples,
        "sentences": len(rows),
        **{f"tokens_per_second_{arm}": tokens / sum(times[arm]) for arm in times},
    }
    if chosen.kept:
        names = ("samples", "cases", "sentences", "rounds", "steps", "threads")
        arguments = [word for name in names for word in (f"--{name}", str(getattr(chosen, name)))]
        result |= memory_kept("importance_sampling", arguments, sizes)
    show(result, chosen.json)


if __name__ == "__main__":
    main()
