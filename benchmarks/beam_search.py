"""Beam search of width 10 over a batch of sentences against one sentence at a time.

    python -m benchmarks.beam_search [--json]

The same trained decoder (vocabulary 12,000, embedding 200, LSTM 512, z 32), the same latent vectors, the same rules of
search; arms in turns; medians. ``ratio`` is of seconds in fp32, ``ratio_bf16`` sets ours in bf16 against the opponent
in fp32, ``ratio_bf16_both`` against the opponent in bf16. The sentences found are compared: ``same`` is the share that
is equal word for word (near ties may fall either way), ``nats_lost`` how much lower ours score on average. See
``opponents/beam_one_by_one.py``.

How long sentences are, and how alike, decides how much work there is; so the decoder must read z. It is trained once a
machine until it knows a few of WordNet's definitions by heart (AutoGen of many reconstructions, isotropic posterior),
and searched from their posterior means. ``distinct`` is the share of different sentences among those found, ``words``
their mean length, ``words_of_corpus`` that of the corpus; too few, or too short, are an error.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.common import in_turns, machine, require, show, wordnet
from benchmarks.opponents.beam_one_by_one import OneByOne
from benchmarks.sentence_vae import Sizes, Training, ask_sizes, copy_lstm, learned, trained
from undersong.data.store import Split
from undersong.decoding import Beam, Hypothesis
from undersong.families import IsotropicGaussian
from undersong.learning.system import System
from undersong.nets import RecurrentDecoder
from undersong.nets.precision import BF16, FP32, Precision, set_precision
from undersong.objectives import AutoGen

Found = list[tuple[list[int], float]]
TRAINING = Training(AutoGen(100.0), steps=900, lr=3e-3, batch=32, sentences=512)
WIDTH, LIMIT, SENTENCES = 10, 30, 64


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

    def __init__(self, system: System, sizes: Sizes, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.net = OneByOne(sizes.vocabulary, sizes.embedding, sizes.hidden, sizes.latent).eval()
        ours = system.model.decoder  # type: ignore[attr-defined]
        assert isinstance(ours, RecurrentDecoder)
        copy_lstm(ours.layer, self.net.cell)  # type: ignore[arg-type]
        with torch.no_grad():
            self.net.embedding.weight.copy_(ours.embed.weight)
            self.net.output.weight.copy_(ours.vocabulary.weight)
            self.net.output.bias.copy_(ours.vocabulary.bias)
        self.net.to(dtype)

    def __call__(self, z: Tensor) -> Found:
        return [self.net.search(one[None].to(self.dtype), WIDTH, LIMIT) for one in z]


def latents(system: System, split: Split, parts: int) -> list[Tensor]:
    """Posterior means of sentences spread evenly over a split, in ``parts`` parts."""
    rows = torch.linspace(0, len(split) - 1, parts * SENTENCES).long().tolist()
    set_precision(system, FP32)
    with torch.no_grad():
        return list(system.posterior(split.batch(rows)).mean.split(SENTENCES))


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
    parser.add_argument("--steps", type=int, default=TRAINING.steps, help="of training, once")
    parser.add_argument("--learn", type=int, default=TRAINING.sentences, help="sentences to know by heart")
    ask_sizes(parser)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    sizes, training = Sizes(*chosen.sizes), replace(TRAINING, steps=chosen.steps, sentences=chosen.learn)
    corpus = wordnet(sizes.vocabulary)
    system = trained(corpus, sizes, training, IsotropicGaussian)
    parts = latents(system, learned(corpus, training), chosen.parts)
    arms: dict[str, Callable[[Tensor], Found]] = {
        "ours": Ours(system, FP32),
        "usual": Usual(system, sizes, torch.float32),
        "ours_bf16": Ours(system, BF16),
        "usual_bf16": Usual(system, sizes, torch.bfloat16),
    }
    found = {name: [hypothesis for z in parts for hypothesis in arm(z)] for name, arm in arms.items()}
    length = float(corpus.train.lengths.mean())
    content = {tuple(words) for words, _ in found["ours"]}
    about = {
        "distinct": require("distinct", len(content) / len(found["ours"]), least=0.5),
        "words": require("words", statistics.mean(len(words) for words, _ in found["ours"]), least=0.7 * length),
        "words_of_corpus": length,
        "nats": -statistics.mean(log_prob for _, log_prob in found["ours"]),
    }
    same, lost = compare(found["ours"], found["usual"])
    same_bf16, lost_bf16 = compare(found["ours_bf16"], found["usual"])
    require("same", same, least=0.9)
    require("nats_lost", abs(lost), most=0.01)
    times = in_turns(arms, parts, chosen.rounds)
    seconds = {name: sum(each) / (len(parts) * SENTENCES) for name, each in times.items()}
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
        **about,
        "sentences": len(parts) * SENTENCES,
        "steps_trained": chosen.steps,
    }
    show(result, chosen.json)


if __name__ == "__main__":
    main()
