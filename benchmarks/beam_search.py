"""Beam search of width 10 over a batch of sentences against one sentence at a time.

    python -m benchmarks.beam_search [--json]

The same trained decoder (vocabulary 12,000, embedding 200, LSTM 512, z 32), the same latent vectors (posterior means
of test sentences), the same rules of search; arms in turns; medians. ``ratio`` is of seconds in fp32, ``ratio_bf16``
sets ours in bf16 against the opponent in fp32, ``ratio_bf16_both`` against the opponent in bf16. The sentences found
are compared: ``same`` is the share that is equal word for word (near ties may fall either way), ``nats_lost`` how much
lower ours score on average. See ``opponents/beam_one_by_one.py``.

The decoder is trained once a machine, for ``STEPS`` steps of AutoGen(1) with an isotropic posterior, and kept beside
the benchmark's corpus: how long its sentences are and how sure it is of them decide how much work there is.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor

from benchmarks.common import in_turns, machine, show, wordnet
from benchmarks.opponents.beam_one_by_one import OneByOne
from undersong.data.batching import Batches
from undersong.data.store import Corpus
from undersong.decoding import Beam, Hypothesis
from undersong.estimators import Pathwise
from undersong.families import IsotropicGaussian
from undersong.inference import Amortized
from undersong.learning.gradient import Gradient
from undersong.learning.system import System
from undersong.models import VAE
from undersong.nets import RecurrentDecoder, RecurrentEncoder
from undersong.nets.precision import BF16, FP32, Precision, resolve, set_precision
from undersong.objectives import AutoGen

VOCABULARY, EMBEDDING, HIDDEN, LATENT = 12_000, 200, 512, 32
Found = list[tuple[list[int], float]]
STEPS, WIDTH, LIMIT, SENTENCES = 300, 10, 30, 64


class Ours:
    """The public path: what `undersong reconstruct` runs for every part of its input."""

    def __init__(self, system: System, precision: Precision) -> None:
        self.system, self.precision = system, precision

    def __call__(self, z: Tensor) -> Found:
        set_precision(self.system, self.precision)
        found: list[Hypothesis] = Beam(WIDTH)(self.system.model.decoder, z, LIMIT)  # type: ignore[attr-defined, arg-type, union-attr]
        return [(h.words, h.log_prob) for h in found]


class Usual:
    """The opponent, with our weights."""

    def __init__(self, system: System, dtype: torch.dtype) -> None:
        self.net, self.dtype = OneByOne(VOCABULARY, EMBEDDING, HIDDEN, LATENT).eval(), dtype
        ours = system.model.decoder  # type: ignore[attr-defined]
        assert isinstance(ours, RecurrentDecoder)
        assert ours.layer.weight_constant is not None
        order = (
            torch.arange(4 * HIDDEN).view(4, HIDDEN)[[0, 1, 3, 2]].flatten()
        )  # ours: i, f, o, g; torch's: i, f, g, o
        read = torch.cat([ours.layer.weight_input, ours.layer.weight_constant], 1)
        with torch.no_grad():
            self.net.embedding.weight.copy_(ours.embed.weight)
            self.net.cell.weight_ih.copy_(read[order])
            self.net.cell.weight_hh.copy_(ours.layer.weight_hidden[order])
            self.net.cell.bias_ih.copy_(ours.layer.bias[order])
            self.net.cell.bias_hh.zero_()
            self.net.output.weight.copy_(ours.vocabulary.weight)
            self.net.output.bias.copy_(ours.vocabulary.bias)
        self.net.to(dtype)

    def __call__(self, z: Tensor) -> Found:
        return [self.net.search(one[None].to(self.dtype), WIDTH, LIMIT) for one in z]


def trained(corpus: Corpus, steps: int) -> System:
    """A system trained for ``steps`` steps, or as it was trained before."""
    torch.manual_seed(0)
    model = VAE(VOCABULARY, LATENT, partial(RecurrentDecoder, embedding=EMBEDDING, hidden=HIDDEN))
    encoder = partial(RecurrentEncoder, embedding=EMBEDDING, hidden=HIDDEN)
    inference = Amortized(VOCABULARY, LATENT, encoder, IsotropicGaussian)
    system = System(model, inference, Pathwise(), AutoGen(1.0))
    kept = Path(tempfile.gettempdir()) / "undersong-benchmarks" / f"beam-search-{corpus.hash}-{steps}.safetensors"
    if kept.exists():
        load_model(system, kept)
        return system.eval()
    set_precision(system, resolve("auto"))
    learner, batches, step = Gradient(system), Batches(corpus.train, sentences=128), 0
    while step < steps:
        for x in batches.epoch(step // len(batches)):
            learner.step(x, step)
            step += 1
            if step == steps:
                break
    save_model(system, str(kept))
    return system.eval()


def latents(system: System, corpus: Corpus, parts: int) -> list[Tensor]:
    """Posterior means of sentences spread evenly over the test split, in ``parts`` parts."""
    rows = torch.linspace(0, len(corpus.test) - 1, parts * SENTENCES).long().tolist()
    set_precision(system, FP32)
    with torch.no_grad():
        return list(system.posterior(corpus.test.batch(rows)).mean.split(SENTENCES))


def compare(ours: Found, theirs: Found) -> tuple[float, float]:
    """The share of equal sentences, and the mean of their score less ours, in nats."""
    pairs = list(zip(ours, theirs, strict=True))
    return statistics.mean(a[0] == b[0] for a, b in pairs), statistics.mean(b[1] - a[1] for a, b in pairs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--parts", type=int, default=2, help=f"of {SENTENCES} sentences")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=STEPS, help="of training, once")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    corpus = wordnet(VOCABULARY)
    system = trained(corpus, chosen.steps)
    parts = latents(system, corpus, chosen.parts)
    arms: dict[str, Callable[[Tensor], Found]] = {
        "ours": Ours(system, FP32),
        "usual": Usual(system, torch.float32),
        "ours_bf16": Ours(system, BF16),
        "usual_bf16": Usual(system, torch.bfloat16),
    }
    found = {name: [hypothesis for z in parts for hypothesis in arm(z)] for name, arm in arms.items()}
    times = in_turns(arms, parts, chosen.rounds)
    seconds = {name: sum(each) / (len(parts) * SENTENCES) for name, each in times.items()}
    same, lost = compare(found["ours"], found["usual"])
    same_bf16, lost_bf16 = compare(found["ours_bf16"], found["usual"])
    result = {
        **machine(),
        "ratio": seconds["usual"] / seconds["ours"],
        "ratio_bf16": seconds["usual"] / seconds["ours_bf16"],
        "ratio_bf16_both": seconds["usual_bf16"] / seconds["ours_bf16"],
        **{f"sentences_per_second_{name}": 1 / each for name, each in seconds.items()},
        "same": same,
        "same_bf16": same_bf16,
        "nats_lost": lost,
        "nats_lost_bf16": lost_bf16,
        "words": statistics.mean(len(words) for words, _ in found["ours"]),
        "sentences": len(parts) * SENTENCES,
        "steps_trained": chosen.steps,
    }
    show(result, chosen.json)


if __name__ == "__main__":
    main()
