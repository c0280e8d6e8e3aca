"""What does not grow with the corpus: the cost of training a token, and the time to open the store.

The cost of a token is that of the measured batches' share of an epoch's order, of reading them from the store and of a
training step of a small VAE on each, over the words and ends of sentence they hold. The sizes take turns batch by
batch, with one system for all of them; every round is a new epoch; medians over rounds. It is measured in the process's
own CPU time with one thread, so that other load on the machine does not count; ``wall_us_a_token`` is the same by the
clock on the wall. ``data_us_a_token`` is the part of it that is not the training step,
and ``data_ratio`` its largest over its smallest: the step hides it in ``ratio``.

``ratio`` is the largest cost a token of any size over the smallest: 1.10 is the most it may be. Opening means opening
the folder, mapping the training split and reading one sentence from its end, as any run does first;
``opening_ratio`` is its largest over its smallest time.

Knows nothing of how well the system learns.

Run as ``python -m benchmarks.scaling [--json] [--sizes 10000 100000 1000000] [--batches 30] [--rounds 3]``.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.common import machine, show
from undersong.data import Batches, Corpus
from undersong.data.tokens import Tokenizer
from undersong.data.writer import SplitWriter
from undersong.estimators import Pathwise
from undersong.inference import Amortized
from undersong.learning import Gradient, System
from undersong.models import VAE
from undersong.nets import RecurrentDecoder, RecurrentEncoder
from undersong.objectives import ELBO

SIZES = (10_000, 100_000, 1_000_000)
VOCABULARY, EMBEDDING, HIDDEN, LATENT = 10_000, 50, 64, 16


@dataclass(frozen=True)
class Clocks:
    """Seconds of CPU time and by the clock on the wall."""

    cpu: float = 0.0
    wall: float = 0.0

    @staticmethod
    def now() -> "Clocks":
        """What both show."""
        return Clocks(time.process_time(), time.perf_counter())

    def __add__(self, other: "Clocks") -> "Clocks":
        return Clocks(self.cpu + other.cpu, self.wall + other.wall)

    def __sub__(self, other: "Clocks") -> "Clocks":
        return Clocks(self.cpu - other.cpu, self.wall - other.wall)

    def __mul__(self, share: float) -> "Clocks":
        return Clocks(self.cpu * share, self.wall * share)


def make_corpus(folder: Path, sentences: int) -> Path:
    """A prepared corpus of random sentences of 5 to 30 words."""
    folder.mkdir()
    random = np.random.default_rng(0)
    tokenizer = Tokenizer.of_words(f"word{i}" for i in range(VOCABULARY - 4))
    tokenizer.save(folder / "tokenizer.json")
    for name, count in (("train", sentences), ("valid", 100), ("test", 100)):
        writer = SplitWriter(folder / f"{name}.arrow", VOCABULARY, labelled=False)
        for start in range(0, count, 100_000):
            lengths = random.integers(5, 31, min(100_000, count - start))
            writer.append(random.integers(4, VOCABULARY, int(lengths.sum())), lengths, None)
        writer.close()
    info = {"hash": "", "vocab_size": VOCABULARY, "labels": None, "settings": {"lowercase": True}}
    (folder / "corpus.json").write_text(json.dumps(info))
    return folder


def opening(folder: Path) -> float:
    """Milliseconds to open a corpus and read its last sentence."""
    start = time.perf_counter()
    train = Corpus.open(folder).train
    train.batch([len(train) - 1])
    return 1e3 * (time.perf_counter() - start)


def learner() -> Gradient:
    """The small VAE that takes the steps."""
    torch.manual_seed(0)
    model = VAE(VOCABULARY, LATENT, partial(RecurrentDecoder, embedding=EMBEDDING, hidden=HIDDEN))
    inference = Amortized(VOCABULARY, LATENT, partial(RecurrentEncoder, embedding=EMBEDDING, hidden=HIDDEN))
    return Gradient(System(model, inference, Pathwise(), ELBO()))


def spread(batches: Batches, rows: Sequence[NDArray[np.int64]], count: int) -> list[NDArray[np.int64]]:
    """Some of an epoch's batches, from the shortest to the longest and alike at every size of corpus."""
    ordered = sorted(rows, key=lambda r: float(batches.split.lengths[r].mean()))
    return [ordered[int(k)] for k in (np.arange(count) + 0.5) / count * len(ordered)]


def one_round(learner: Gradient, epochs: Mapping[int, Batches], epoch: int, count: int) -> dict[int, dict[str, float]]:
    """Microseconds a token at each size: of CPU time, by the wall, and of CPU time without the training step."""
    data, steps, chosen = {}, dict.fromkeys(epochs, Clocks()), {}
    for size, batches in epochs.items():
        started = Clocks.now()
        rows = batches.rows(epoch)
        data[size] = (Clocks.now() - started) * (count / len(batches))
        chosen[size] = spread(batches, rows, count)
    tokens = dict.fromkeys(epochs, 0)
    sizes = list(epochs)
    for k in range(count):
        for size in sizes[k % len(sizes) :] + sizes[: k % len(sizes)]:  # each is as often the first
            started = Clocks.now()
            x = epochs[size].split.batch(chosen[size][k])
            read = Clocks.now()
            learner.step(x, epoch * count + k)
            steps[size] += Clocks.now() - read
            data[size] += read - started
            tokens[size] += x.num_targets
    return {
        size: {
            "cost_us_a_token": 1e6 * (data[size] + steps[size]).cpu / tokens[size],
            "wall_us_a_token": 1e6 * (data[size] + steps[size]).wall / tokens[size],
            "data_us_a_token": 1e6 * data[size].cpu / tokens[size],
        }
        for size in sizes
    }


def widest(values: Mapping[int, float]) -> float:
    """The largest over the smallest."""
    return max(values.values()) / min(values.values())


def measure(folder: Path, sizes: Sequence[int], count: int, rounds: int) -> dict[str, Any]:
    """All sizes, measured in turns, medians."""
    corpora = {size: make_corpus(folder / str(size), size) for size in sizes}
    opened: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(7):
        for size, corpus in corpora.items():
            opened[size].append(opening(corpus))
    opening_ms = {size: statistics.median(times) for size, times in opened.items()}
    epochs = {size: Batches(Corpus.open(corpus).train) for size, corpus in corpora.items()}
    system = learner()
    one_round(system, epochs, 0, min(count, 3))  # loads every kernel and makes the optimiser's state
    found = [one_round(system, epochs, epoch, count) for epoch in range(1, rounds + 1)]
    costs = {
        name: {size: statistics.median(costs[size][name] for costs in found) for size in sizes}
        for name in ("cost_us_a_token", "wall_us_a_token", "data_us_a_token")
    }
    return {
        "ratio": widest(costs["cost_us_a_token"]),
        "ratio_is_of": "CPU time, one thread",
        **costs,
        "data_ratio": widest(costs["data_us_a_token"]),
        "opening_ms": opening_ms,
        "opening_ratio": widest(opening_ms),
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="sentences of each corpus")
    parser.add_argument("--batches", type=int, default=30, help="from the shortest to the longest, in each round")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)  # CPU time of several threads would count their waiting for each other
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), asked.sizes, asked.batches, asked.rounds)
    show({"benchmark": "scaling"} | machine() | result, asked.json)


if __name__ == "__main__":
    main()
