"""The main job in ten minutes: a VAE and an AutoGen model of the same size, trained, judged and compared.

Both learn from WordNet's definitions and differ in one number: m, how many reconstructions are asked for beside the
generation (``AutoGen(0)`` is the ELBO). Knows nothing that a user of the command line does not: it calls the same
functions, and shows only what they answer.
"""

import json
import math
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from undersong.children import Children
from undersong.data import Corpus
from undersong.data.prepare import prepare
from undersong.data.words import join
from undersong.decoding import Beam, interpolate, reconstruct, sample
from undersong.errors import UserError
from undersong.evaluation.evaluate import evaluate, judged
from undersong.files import read_object, write_atomically
from undersong.learning import Run
from undersong.nets.precision import resolve
from undersong.report import compare
from undersong.text import readable

_OBJECTIVES = {"vae": ["--objective=ELBO"], "autogen": ["--objective=AutoGen", "--objective.m=1"]}
_SENTENCES = 32  # a batch
_FLAGS = [
    "--model=VAE",
    "--model.latent=32",
    "--model.decoder.embedding=100",
    "--model.decoder.hidden=128",
    "--model.decoder.z_to_state=true",
    "--model.decoder.word_dropout=0.4",
    "--inference.encoder.embedding=100",
    "--inference.encoder.hidden=128",
    "--inference.family=IsotropicGaussian",
    "--learner.lr=0.002",
    f"--sentences={_SENTENCES}",
    "--threads=1",
]
_SEARCH = Beam(length_penalty=1.0)
_ROWS = {
    "elbo": "ELBO, nats",
    "reconstruction": "reconstruction (distortion), nats",
    "kl": "KL (rate), nats",
    "kl_percent": "KL, % of the objective",
    "nll_is": "-log p(x), importance sampled, nats",
    "ppl_is": "perplexity, importance sampled",
    "active_units": "active units of 32",
    "mutual_information": "mutual information of x and z, nats",
}


def demo(
    *,
    out: Path = Path("demo"),
    epochs: int = 3,
    vocabulary: int = 5000,
    seed: int = 0,
) -> None:
    """Prepare, train, judge and compare two sentence VAEs on WordNet's definitions, in about ten minutes on two cores.

    What is already in ``out`` is not done again: a second call shows the same models at once.

    Args:
        out: the folder for the corpus, the two runs and ``report.html``.
        epochs: over the 87,000 training sentences, for each model.
        vocabulary: words known.
        seed: of both models.
    """
    console = Console()
    started = time.monotonic()
    _remember(out / "demo.json", {"epochs": epochs, "vocabulary": vocabulary, "seed": seed})
    corpus = _corpus(out / "corpus", vocabulary, console)
    runs = _trained(corpus, out, epochs, seed, console)
    figures = [_judged(run, console) for run in runs]
    _show_figures(console, runs, figures)
    _show_sentences(console, runs, corpus, seed)
    report = out / "report.html"
    compare([run.path for run in runs], out=report, search=_SEARCH, posterior_mean=True)
    minutes = (time.monotonic() - started) / 60
    console.print(f"\n[bold]{report}[/bold] has all of this and more. This call took {minutes:.1f} minutes.")


def _remember(path: Path, asked: dict[str, int]) -> None:
    """What a folder shows is what was asked for when it was begun."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_atomically(path, json.dumps(asked).encode() + b"\n")
        return
    try:
        before = read_object(path)
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): choose another --out, or remove that folder.") from None
    if before != asked:
        raise UserError(f"{path.parent} holds a demo of {before}, not of {asked}: choose another --out.")


def _corpus(folder: Path, vocabulary: int, console: Console) -> Corpus:
    if (folder / "corpus.json").exists():
        return Corpus.open(folder)
    console.rule("Preparing WordNet's definitions")
    return prepare("wordnet", out=folder, vocabulary=vocabulary)


def _trained(corpus: Corpus, out: Path, epochs: int, seed: int, console: Console) -> list[Run]:
    """Both models at once, each on a core of its own: for nets of this size, faster than two cores for each."""
    console.rule("Training a VAE and an AutoGen model of the same size, side by side")
    precision = resolve("auto").name  # asked once: the two must differ in nothing but the objective
    with ThreadPoolExecutor() as pool, Children() as children:

        def begin(name: str) -> None:
            _train(name, corpus, out / name, epochs, seed, precision, console, children)

        list(pool.map(begin, _OBJECTIVES))
    return [Run.load(out / name) for name in _OBJECTIVES]


def _train(
    name: str, corpus: Corpus, out: Path, epochs: int, seed: int, precision: str, console: Console, children: Children
) -> None:
    """``undersong train`` in a process of its own; what it says is shown under the model's name."""
    steps = epochs * math.ceil(len(corpus.train) / _SENTENCES)
    command = [sys.executable, "-m", "undersong.cli", "train", str(corpus.folder), f"--out={out}", *_FLAGS]
    command += [*_OBJECTIVES[name], f"--epochs={epochs}", f"--seeds=[{seed}]"]
    command += [f"--validation_steps={steps // 10}"]
    command += ["--resume"] if out.exists() else [f"--precision={precision}"]
    last = "it said nothing"
    with children.start(command, stderr=subprocess.PIPE) as child:
        for line in child.stderr or ():
            last = line.rstrip()
            console.print(f"{name:>8}  {last}", markup=False, highlight=False, soft_wrap=True)
    if child.returncode:
        raise UserError(f"Training {name} stopped: {last}")


def _judged(run: Run, console: Console) -> Mapping[str, Any]:
    if (figures := judged(run, "test")) is not None:
        return figures
    console.rule(f"Judging {run.name} on sentences it has not seen")
    return evaluate(run.path, split="test", subset=200)


def _show_figures(console: Console, runs: list[Run], figures: list[Mapping[str, Any]]) -> None:
    table = Table(title="Test sentences never seen in training")
    table.add_column("")
    for run in runs:
        table.add_column(run.name, justify="right")
    for key, label in _ROWS.items():
        table.add_row(label, *("-" if f[key] is None else f"{f[key]:.2f}" for f in figures))
    console.print(table)


def _show_sentences(console: Console, runs: list[Run], corpus: Corpus, seed: int) -> None:
    """The first test sentences without unknown words, whatever becomes of them; z is the posterior's mean."""
    how = "z is the mean of q(z|x), known words only"
    console.print(f"\nThe same sentences, encoded and written again by beam search ({how}):")
    sentences = (corpus.test.words(i) for i in range(len(corpus.test)))
    first = [join(words) for words in islice((w for w in sentences if "<unk>" not in w and len(w) < 20), 6)]
    written = [reconstruct(run, first, _SEARCH, unknown=False) for run in runs]
    for number, text in enumerate(first):
        console.print(f"\n{text}", style="bold", markup=False)
        for run, lines in zip(runs, written, strict=True):
            console.print(f"  {run.name:>8}: {readable(lines[number].text)}", markup=False)
    for run in runs:
        console.rule(f"{run.name}: sentences from the prior")
        for line in sample(run, 5, _SEARCH, unknown=False, seed=seed):
            console.print(f"  {readable(line.text)}", markup=False)
        console.rule(f"{run.name}: from one sentence to another")
        for step in interpolate(run, first[0], first[-1], 8, _SEARCH, unknown=False).steps:
            console.print(f"  {readable(step.text)}", markup=False)
