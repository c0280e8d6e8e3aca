"""The sentence VAE that benchmarks measure: its sizes, its training beforehand, and its weights in torch's layers.

Knows nothing of what is measured.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import astuple, dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from undersong.data.batching import Batches
from undersong.data.store import Corpus, Split
from undersong.estimators import Pathwise
from undersong.evaluation.kept import kept
from undersong.families import DiagonalGaussian, Family
from undersong.inference import Amortized
from undersong.learning.gradient import Gradient
from undersong.learning.system import System
from undersong.models import VAE
from undersong.nets import RecurrentDecoder, RecurrentEncoder
from undersong.nets.precision import FP32, resolve, set_precision
from undersong.nets.recurrent import LSTM
from undersong.objectives import Objective


@dataclass(frozen=True)
class Sizes:
    """Of the vocabulary, the word vectors, the LSTMs and z."""

    vocabulary: int = 12_000
    embedding: int = 200
    hidden: int = 512
    latent: int = 32


@dataclass(frozen=True)
class Training:
    """What happens to the system before it is measured.

    Attributes:
        objective: what is maximised.
        steps: of Adam, in the precision that ``auto`` chooses.
        lr: learning rate.
        batch: sentences in a batch.
        sentences: how many sentences of the training split are learned from, spread evenly over it; None for all.
    """

    objective: Objective
    steps: int
    lr: float = 1e-3
    batch: int = 128
    sentences: int | None = None


def ask_sizes(parser: argparse.ArgumentParser) -> None:
    """An argument ``sizes``, four numbers, for those who try a benchmark out: the smaller, the sooner it is done."""
    default = Sizes()
    usual = [default.vocabulary, default.embedding, default.hidden, default.latent]
    parser.add_argument("--sizes", type=int, nargs=4, default=usual, help="vocabulary, embedding, LSTM and z")


def memory_kept(benchmark: str, arguments: list[str], sizes: Sizes) -> dict[str, float]:
    """``ratio`` and ``ratio_fp32`` of a benchmark in a process that is to keep the memory it has freed, as glibc may.

    glibc gives large pieces back, and when they are asked for again they come cleared, page by page: an opponent that
    makes all logits pays for that at every step. Users leave glibc as it is; this is what they could gain.
    """
    command = [sys.executable, "-m", f"benchmarks.{benchmark}", "--json", *arguments]
    command += ["--sizes", *map(str, astuple(sizes))]
    keep = {f"MALLOC_{name}_THRESHOLD_": str(2**32) for name in ("MMAP", "TRIM")}
    output = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **keep}).stdout
    found = json.loads(output.splitlines()[-1])
    return {"ratio_kept": found["ratio"], "ratio_kept_fp32": found["ratio_fp32"]}


def sentence_vae(sizes: Sizes, objective: Objective, family: type[Family] = DiagonalGaussian) -> System:
    """A new system, alike whenever it is made."""
    torch.manual_seed(0)
    decoder = partial(RecurrentDecoder, embedding=sizes.embedding, hidden=sizes.hidden)
    encoder = partial(RecurrentEncoder, embedding=sizes.embedding, hidden=sizes.hidden)
    model = VAE(sizes.vocabulary, sizes.latent, decoder)
    return System(model, Amortized(sizes.vocabulary, sizes.latent, encoder, family), Pathwise(), objective)


def trained(corpus: Corpus, sizes: Sizes, training: Training, family: type[Family] = DiagonalGaussian) -> System:
    """A system after its training, which a machine does once: the weights are kept beside the corpus."""
    system = sentence_vae(sizes, training.objective, family)
    kept(system, corpus, "benchmark", choices(sizes, training, family), lambda: _train(system, corpus, training))
    return system.eval()


def choices(sizes: Sizes, training: Training, family: type[Family]) -> dict[str, object]:
    """All that decides the weights, beside the corpus; the kept ones are named after it."""
    return {"sizes": sizes, "training": training, "family": family}


def _train(system: System, corpus: Corpus, training: Training) -> None:
    set_precision(system, resolve("auto"))
    learner = Gradient(system, lr=training.lr)
    batches = Batches(learned(corpus, training), sentences=training.batch)
    for step in range(training.steps):
        epoch, place = divmod(step, len(batches))
        if place == 0:
            rows = batches.rows(epoch)
        torch.manual_seed(step)
        learner.step(batches.split.batch(rows[place]), step)
    set_precision(system, FP32)


def learned(corpus: Corpus, training: Training) -> Split:
    """The sentences that the system has learned from."""
    if training.sentences is None:
        return corpus.train
    rows = np.linspace(0, len(corpus.train) - 1, training.sentences).astype(int)
    words = [corpus.train.ids(row) for row in rows]
    offsets = np.cumsum([0, *map(len, words)])
    return Split(np.concatenate(words), offsets, None, corpus.tokenizer)


@torch.no_grad()
def copy_lstm(ours: LSTM, theirs: nn.LSTM | nn.LSTMCell) -> None:
    """Our layer's weights in torch's, which has the gates in the order i, f, g, o and reads z as part of the input."""

    def ordered(weight: Tensor) -> Tensor:
        i, f, o, g = weight.chunk(4)
        return torch.cat([i, f, g, o])

    read: list[Tensor] = [ours.weight_input]
    read += [] if ours.weight_constant is None else [ours.weight_constant]
    suffix = "_l0" if isinstance(theirs, nn.LSTM) else ""
    theirs.get_parameter(f"weight_ih{suffix}").copy_(ordered(torch.cat(read, 1)))
    theirs.get_parameter(f"weight_hh{suffix}").copy_(ordered(ours.weight_hidden))
    theirs.get_parameter(f"bias_ih{suffix}").copy_(ordered(ours.bias))
    theirs.get_parameter(f"bias_hh{suffix}").zero_()
