"""What does not grow with the corpus: the time to open a store of 10 thousand, 100 thousand and 1 million sentences.

Opening means opening the folder, mapping the training split and reading one sentence from its end, as any run does
first. Also printed is the cost a sentence of an epoch's order and batches. ``ratio`` is the time to open the largest
over the time to open the smallest.

Run as ``python -m benchmarks.scaling [--json]``.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from undersong.data import Batches, Corpus
from undersong.data.tokens import Tokenizer
from undersong.data.writer import SplitWriter

SIZES = (10_000, 100_000, 1_000_000)
VOCABULARY = 10_000


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


def batching(folder: Path) -> float:
    """Microseconds a sentence to order an epoch and to make 100 of its batches, spread over what they hold."""
    train = Corpus.open(folder).train
    start = time.perf_counter()
    batches = Batches(train)
    rows = batches.rows(0)
    ordered = time.perf_counter() - start
    start = time.perf_counter()
    made = sum(len(train.batch(some)) for some in rows[:100])
    return 1e6 * (ordered / len(train) + (time.perf_counter() - start) / made)


def measure(folder: Path) -> dict[str, Any]:
    """All sizes, measured in turns, medians."""
    corpora = {size: make_corpus(folder / str(size), size) for size in SIZES}
    opened: dict[int, list[float]] = {size: [] for size in SIZES}
    batched: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(7):
        for size, corpus in corpora.items():
            opened[size].append(opening(corpus))
            batched[size].append(batching(corpus))
    open_ms = {size: statistics.median(times) for size, times in opened.items()}
    return {
        "open_ms": open_ms,
        "batch_us_a_sentence": {size: statistics.median(times) for size, times in batched.items()},
        "ratio": open_ms[SIZES[-1]] / open_ms[SIZES[0]],
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = {"benchmark": "scaling"} | measure(Path(folder))
    if asked.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
