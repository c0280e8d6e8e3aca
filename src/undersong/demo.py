"""The main job in ten minutes: a VAE and an AutoGen model of the same size, trained, judged and compared.

Both learn from WordNet's definitions and differ in one number: m, how many reconstructions are asked for beside the
generation (``AutoGen(0)`` is the ELBO). Knows nothing that a user of the command line does not: it calls the same
functions, and shows only what they answer.
"""

import time
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from undersong.data import Corpus
from undersong.data.prepare import prepare
from undersong.decoding import interpolate, reconstruct, sample
from undersong.evaluation import evaluate
from undersong.families import IsotropicGaussian
from undersong.inference import Amortized
from undersong.learning import Gradient, Run, train
from undersong.models import VAE
from undersong.nets import RecurrentDecoder, RecurrentEncoder
from undersong.objectives import ELBO, AutoGen, Objective
from undersong.report import compare

_OBJECTIVES: dict[str, Objective] = {"vae": ELBO(), "autogen": AutoGen(m=1.0)}
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
    epochs: int = 4,
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
    corpus = _corpus(out / "corpus", vocabulary, console)
    runs = [_trained(name, corpus, out / name, epochs, seed, console) for name in _OBJECTIVES]
    figures = [evaluate(run.path, split="test") for run in runs]
    _show_figures(console, runs, figures)
    _show_sentences(console, runs, corpus, seed)
    report = out / "report.html"
    compare([run.path for run in runs], out=report)
    minutes = (time.monotonic() - started) / 60
    console.print(f"\n[bold]{report}[/bold] has all of this and more. This call took {minutes:.1f} minutes.")


def _corpus(folder: Path, vocabulary: int, console: Console) -> Corpus:
    if (folder / "corpus.json").exists():
        return Corpus.open(folder)
    console.rule("Preparing WordNet's definitions")
    return prepare("wordnet", out=folder, vocabulary=vocabulary)


def _trained(name: str, corpus: Corpus, out: Path, epochs: int, seed: int, console: Console) -> Run:
    console.rule(f"Training {name}: {_OBJECTIVES[name].__class__.__name__}")
    train(
        corpus.folder,
        out=out,
        model=partial(
            VAE,
            latent=32,
            decoder=partial(RecurrentDecoder, embedding=100, hidden=128, z_to_state=True, word_dropout=0.4),
        ),
        inference=partial(
            Amortized, encoder=partial(RecurrentEncoder, embedding=100, hidden=128), family=IsotropicGaussian
        ),
        objective=_OBJECTIVES[name],
        learner=partial(Gradient, lr=0.002),
        sentences=32,
        epochs=epochs,
        seeds=[seed],
        resume=out.exists(),
    )
    return Run.load(out)


def _show_figures(console: Console, runs: list[Run], figures: list[dict]) -> None:
    table = Table(title="Test sentences never seen in training")
    table.add_column("")
    for run in runs:
        table.add_column(run.name, justify="right")
    for key, label in _ROWS.items():
        table.add_row(label, *("-" if f[key] is None else f"{f[key]:.2f}" for f in figures))
    console.print(table)


def _show_sentences(console: Console, runs: list[Run], corpus: Corpus, seed: int) -> None:
    """The first test sentences without unknown words, whatever becomes of them."""
    texts = [" ".join(words) for i in range(100) if "<unk>" not in (words := corpus.test.words(i)) and len(words) < 20]
    first = texts[:6]
    written = [reconstruct(run, first) for run in runs]
    for number, text in enumerate(first):
        console.print(f"\n[bold]{text}[/bold]", markup=True)
        for run, lines in zip(runs, written, strict=True):
            console.print(f"  {run.name:>8}: {lines[number].text}", markup=False)
    for run in runs:
        console.rule(f"{run.name}: sentences from the prior")
        for line in sample(run, 5, seed=seed):
            console.print(f"  {line.text}", markup=False)
        console.rule(f"{run.name}: from one sentence to another")
        for step in interpolate(run, first[0], first[1], steps=8).steps:
            console.print(f"  {step.text}", markup=False)
