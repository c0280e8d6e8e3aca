"""One EM step of a hidden Markov model against hmmlearn's, on the same sentences from the same tables.

    python -m benchmarks.hmm_em [--json] [--scaling] [--sharp 20]

45 states, 10,000 words, 4,000 sentences of 6 to 40 words (random, words as frequent as in text). A step is all of
Baum-Welch once: expected counts over all sentences, then new tables. Ours is what ``undersong train --model HMM
--learner EM`` runs: batches read from the store, ``EM.step`` on each, ``EM.end_epoch``, in fp32; hmmlearn's is ``fit``,
in fp64. Arms in turns; medians. ``ratio`` is seconds of hmmlearn's ``implementation="scaling"`` over ours,
``ratio_default`` those of its default. ``likelihood_apart`` and ``tables_apart`` are the largest relative differences
between our log-likelihood and updated tables and hmmlearn's, over all entries of 1e-30 or more (fp32 ends soon below);
more than rounding is an error.

``--sharp N`` takes N steps of EM first: tables are then far from even, and probabilities underflow more.
``--scaling`` measures the E-step of 1,000 to 100,000 sentences too, in batches of 128 (the default of ``train``) and in
the process's own CPU time: ``scaling_ratio`` is the largest cost of a word over the smallest. What a step costs once at
every size, the M-step and the normalisation of the tables, is ``fixed_ms``.

Knows nothing of how well the model learns.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common import in_turns, machine, require, show
from benchmarks.opponents.categorical_hmm import OneStep, Tables
from undersong.data import Batches, Corpus
from undersong.data.store import Split
from undersong.data.tokens import Tokenizer
from undersong.data.writer import SplitWriter
from undersong.estimators import Marginal
from undersong.inference import Exact
from undersong.learning import EM, System
from undersong.models import HMM
from undersong.objectives import ELBO

SHORTEST, LONGEST = 6, 40
TOKENS = 16_000  # words of a batch
SIZES = (1_000, 10_000, 100_000)


@dataclass(frozen=True)
class Sizes:
    """Of the model, and how many sentences both learn from."""

    states: int = 45
    vocabulary: int = 10_000
    sentences: int = 4_000


def make_corpus(folder: Path, vocabulary: int, sentences: int) -> Split:
    """A prepared corpus of random sentences, the r-th word about as frequent as 1 / (r + 10)."""
    folder.mkdir()
    random = np.random.default_rng(0)
    tokenizer = Tokenizer.of_words(f"word{i}" for i in range(vocabulary - 4))
    tokenizer.save(folder / "tokenizer.json")
    lengths = random.integers(SHORTEST, LONGEST + 1, sentences)
    frequency = 1 / (np.arange(vocabulary - 4) + 10.0)
    words = 4 + random.choice(vocabulary - 4, int(lengths.sum()), p=frequency / frequency.sum())
    for name, count in (("train", sentences), ("valid", 1), ("test", 1)):
        writer = SplitWriter(folder / f"{name}.arrow", vocabulary, labelled=False)
        writer.append(words[: int(lengths[:count].sum())], lengths[:count], None)
        writer.close()
    info = {"hash": "", "vocab_size": vocabulary, "labels": None, "settings": {"lowercase": True}}
    (folder / "corpus.json").write_text(json.dumps(info))
    return Corpus.open(folder).train


class Ours:
    """EM steps on the public seams, from the same tables each time."""

    def __init__(self, sizes: Sizes, split: Split, batches: Batches):
        torch.manual_seed(0)
        self.sizes, self.split, self.batches = sizes, split, batches
        self.model = HMM(sizes.vocabulary, sizes.states, ends=False, smoothing=0.0)
        self.start = {name: p.detach().clone() for name, p in self.model.named_parameters()}

    def begin(self) -> EM:
        """A learner whose model has the start's tables."""
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                p.copy_(self.start[name])
        return EM(System(self.model, Exact(self.sizes.vocabulary, self.sizes.states), Marginal(), ELBO()))  # type: ignore[arg-type]

    def expect(self, learner: EM) -> None:
        """The E-step: every batch once."""
        for step, x in enumerate(self.batches.epoch(0)):
            learner.step(x, step)

    def __call__(self) -> float:
        """One step; the log-likelihood of the tables before it, nats."""
        learner = self.begin()
        self.expect(learner)
        return float(learner.end_epoch()["objective"]) * len(self.split)

    def timed(self) -> tuple[float, float]:
        """CPU seconds of an E-step, and of what a step does once however many sentences there are."""
        learner, first, clock = self.begin(), next(self.batches.epoch(0)), time.process_time
        times = [clock()]
        for _ in range(2):  # the first also normalises the tables
            learner.step(first, 0)
            times.append(clock())
        self.expect(learner)
        times.append(clock())
        learner.end_epoch()
        times.append(clock())
        cold, warm, words, end = (after - before for before, after in pairwise(times))
        return words, cold - warm + end

    def sharpen(self, steps: int) -> None:
        """Make the start what it is after some steps of EM."""
        for _ in range(steps):
            self()
            self.start = {name: p.detach().clone() for name, p in self.model.named_parameters()}

    def tables(self) -> Tables:
        """Initial [K], transition [K, K] and emission [K, V] probabilities as they are now."""
        with torch.no_grad():
            scores = self.model.scores()
        initial, between, words = (
            t.double().exp().numpy() for t in (scores.initial, scores.transition, scores.words.t())
        )
        return tuple(t / t.sum(-1, keepdims=True) for t in (initial, between, words))  # type: ignore[return-value]


def apart(ours: Tables, theirs: Tables) -> float:
    """The largest relative difference of any two entries, of which the larger is 1e-30 or more."""
    pairs = [(np.minimum(a, b), np.maximum(a, b)) for a, b in zip(ours, theirs, strict=True)]
    return max(float((1 - less[more >= 1e-30] / more[more >= 1e-30]).max()) for less, more in pairs)


def against_hmmlearn(folder: Path, sizes: Sizes, sharp: int, rounds: int) -> dict[str, Any]:
    """Both implementations of hmmlearn and ours in turns."""
    split = make_corpus(folder / "corpus", sizes.vocabulary, sizes.sentences)
    ours = Ours(sizes, split, Batches(split, tokens=TOKENS))
    ours.sharpen(sharp)
    ours.begin()
    start = ours.tables()
    words = np.concatenate([split.batch([i]).tokens[0].numpy() for i in range(len(split))])
    theirs = {name: OneStep(words, split.lengths.astype(np.int64), start, name) for name in ("scaling", "log")}
    likelihood = ours()
    result: dict[str, Any] = {}
    for name, arm in theirs.items():
        other, tables = arm()
        likelihoods = require("likelihood_apart", abs(likelihood - other) / abs(other), most=1e-5)
        result[f"likelihood_apart_{name}"] = likelihoods
        result[f"tables_apart_{name}"] = require("tables_apart", apart(ours.tables(), tables), most=1e-2)
    arms: dict[str, Callable[[Any], object]] = {"ours": lambda _: ours()}
    arms |= {name: lambda _, arm=arm: arm() for name, arm in theirs.items()}  # type: ignore[misc]
    medians = {name: times[0] for name, times in in_turns(arms, [None], rounds).items()}
    return {
        "ratio": medians["scaling"] / medians["ours"],
        "ratio_default": medians["log"] / medians["ours"],
        **{f"seconds_{name}": each for name, each in medians.items()},
        **result,
        "words": len(words),
        "sharp": sharp,
    }


def at_sizes(folder: Path, shape: Sizes, sizes: Sequence[int], rounds: int) -> dict[str, Any]:
    """Microseconds of CPU time a word of the E-step at each size of corpus, in turns; and what a step costs besides."""
    splits = {size: make_corpus(folder / str(size), shape.vocabulary, size) for size in sizes}
    arms = {size: Ours(shape, split, Batches(split)) for size, split in splits.items()}
    words: dict[int, list[float]] = {size: [] for size in sizes}
    fixed = []
    for round_ in range(rounds + 1):
        for size, arm in arms.items():
            for _ in range(max(1, 10_000 // size)):  # as long a look at the small ones
                times = arm.timed()
                if round_:  # the first loads every kernel
                    words[size].append(1e6 * times[0] / int(arm.split.lengths.sum()))
                    fixed.append(1e3 * times[1])
    cost = {size: statistics.median(each) for size, each in words.items()}
    ratio = max(cost.values()) / min(cost.values())
    return {"scaling_ratio": ratio, "cost_us_a_word": cost, "fixed_ms": statistics.median(fixed)}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sharp", type=int, default=0, help="steps of EM before the one that is measured")
    parser.add_argument("--scaling", action="store_true", help="also the cost of a word by the size of the corpus")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs=3, default=astuple(Sizes()), help="states, vocabulary, sentences")
    asked = parser.parse_args()
    sizes = Sizes(*asked.sizes)
    with tempfile.TemporaryDirectory() as folder:
        torch.set_num_threads(asked.threads)
        result = {"benchmark": "hmm_em"} | machine()
        result |= against_hmmlearn(Path(folder), sizes, asked.sharp, asked.rounds)
        if asked.scaling:
            torch.set_num_threads(1)  # CPU time of several threads would count their waiting for each other
            result |= at_sizes(Path(folder), sizes, SIZES, asked.rounds)
    show(result, asked.json)


if __name__ == "__main__":
    main()
