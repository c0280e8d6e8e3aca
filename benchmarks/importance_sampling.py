"""Importance-sampled likelihood, 500 samples a sentence: undersong's own path against one sentence at a time.

    python -m benchmarks.importance_sampling [--json]

Same weights, sentences, samples, noise and threads; arms in turns; medians. ``ratio`` is for the precision that auto
chooses on this machine, ``ratio_fp32`` for fp32; ``difference_nats`` is the mean absolute difference of a sentence's
figure between that precision and the opponent, whose arithmetic is fp32. The model is trained a little beforehand, so
that its logits are not flat. See ``opponents/one_sentence.py``.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.common import in_turns, machine, show, wordnet
from benchmarks.opponents.one_sentence import OneSentence
from undersong.data.batching import Batches
from undersong.data.store import Corpus, Split
from undersong.distributions import keyed_sample
from undersong.estimators import Pathwise
from undersong.evaluation.likelihood import likelihood
from undersong.evaluation.subset import fixed_subset
from undersong.families import DiagonalGaussian
from undersong.inference import Amortized
from undersong.learning.gradient import Gradient
from undersong.learning.system import System
from undersong.models import VAE
from undersong.nets import RecurrentDecoder, RecurrentEncoder
from undersong.nets.precision import FP32, Precision, resolve, set_precision, using
from undersong.objectives import AutoGen

VOCABULARY, EMBEDDING, HIDDEN, LATENT = 12_000, 200, 512, 32
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

    def __init__(self, system: System, split: Split, samples: int) -> None:
        self.split, self.samples = split, samples
        self.net = copied(system)
        self.found: dict[int, float] = {}

    def __call__(self, rows: Rows) -> None:
        for row in rows.tolist():
            x = self.split.batch([row])
            self.found[row] = self.net.nll(x.tokens[0], x.inputs[0], x.targets[0], self.noise(x.index))

    def noise(self, index: Tensor) -> Tensor:
        """The noise that undersong draws for a sentence: [S, D]."""
        standard = DiagonalGaussian(LATENT)(torch.zeros(1, 2 * LATENT))
        return keyed_sample(standard, index, self.samples, 0)[:, 0]


def trained(corpus: Corpus, steps: int, precision: Precision) -> System:
    """A sentence VAE that has seen a few batches; AutoGen, so that its decoder already reads z."""
    torch.manual_seed(0)
    model = VAE(VOCABULARY, LATENT, partial(RecurrentDecoder, embedding=EMBEDDING, hidden=HIDDEN))
    inference = Amortized(VOCABULARY, LATENT, partial(RecurrentEncoder, embedding=EMBEDDING, hidden=HIDDEN))
    system = System(model, inference, Pathwise(), AutoGen(1.0))
    set_precision(system, precision)
    learner = Gradient(system)
    epoch = Batches(corpus.train, sentences=128)
    for step, x in zip(range(steps), epoch.epoch(0), strict=False):
        torch.manual_seed(step)
        learner.step(x, step)
    set_precision(system, FP32)
    return system.eval()


def copied(system: System) -> OneSentence:
    """The same weights in the opponent's layers; torch's LSTM has its gates in the order i, f, g, o."""
    net = cast(Any, OneSentence(VOCABULARY, EMBEDDING, HIDDEN, LATENT))
    decoder, inference = cast(Any, system.model).decoder, cast(Any, system.inference)

    def ordered(weight: Tensor) -> Tensor:
        i, f, o, g = weight.chunk(4)
        return torch.cat([i, f, g, o])

    with torch.no_grad():
        for layer, ours in ((net.encoder, inference.encoder.layer), (net.decoder, decoder.layer)):
            read = [ours.weight_input] + ([] if ours.weight_constant is None else [ours.weight_constant])
            layer.weight_ih_l0.copy_(ordered(torch.cat(read, 1)))
            layer.weight_hh_l0.copy_(ordered(ours.weight_hidden))
            layer.bias_ih_l0.copy_(ordered(ours.bias))
            layer.bias_hh_l0.zero_()
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
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    corpus, precision = wordnet(VOCABULARY), resolve("auto")
    system = trained(corpus, chosen.steps, precision)
    split = corpus.valid
    work = cases(split, chosen.cases, chosen.sentences)
    opponent, fp32 = OneAtATime(system, split, chosen.samples), Ours(system, split, chosen.samples, FP32)
    ours = Ours(system, split, chosen.samples, precision) if precision != FP32 else fp32
    arms: dict[str, Callable[[Rows], None]] = {"one_sentence": opponent, "fp32": fp32, "auto": ours}
    times = in_turns(arms, work, chosen.rounds)
    rows, truth = np.concatenate(work), opponent.found
    tokens = chosen.samples * float((split.lengths[rows] + 1).sum())
    result = {
        **machine(),
        "precision": precision.name,
        "ratio": float(np.median(np.array(times["one_sentence"]) / times["auto"])),
        "ratio_fp32": float(np.median(np.array(times["one_sentence"]) / times["fp32"])),
        "difference_nats": float(np.mean([abs(ours.found[row] - truth[row]) for row in truth])),
        "difference_nats_worst": max(abs(ours.found[row] - truth[row]) for row in truth),
        "difference_nats_fp32": float(np.mean([abs(fp32.found[row] - truth[row]) for row in truth])),
        "nll": float(np.mean(list(truth.values()))),
        "samples": chosen.samples,
        "sentences": len(rows),
        **{f"tokens_per_second_{arm}": tokens / sum(times[arm]) for arm in times},
    }
    show(result, chosen.json)


if __name__ == "__main__":
    main()
