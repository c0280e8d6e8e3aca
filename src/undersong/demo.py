"""The main job in ten minutes: a VAE and an AutoGen model of the same size, trained, judged and compared.

Both learn from WordNet's definitions and differ in one number: m, how many reconstructions are asked for beside the
generation (``AutoGen(0)`` is the ELBO). How long they learn is chosen on the machine: their own steps tell its speed.
Knows nothing that a user of the command line does not: it calls the same functions, and shows only what they answer.
"""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
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
from undersong.learning.record import read_record
from undersong.learning.run import METRICS
from undersong.nets.precision import resolve
from undersong.report import compare
from undersong.settings import need
from undersong.text import readable

_OBJECTIVES = {"vae": ["--objective=ELBO"], "autogen": ["--objective=AutoGen", "--objective.m=1"]}
_SENTENCES = 32  # a batch
_MINUTES = 8.0  # of the ten that are promised: looks at held-out sentences are not measured, and neighbours come and go
_MOST, _LEAST = 3.0, 0.5  # epochs: more shows little more, and after less there is little to show
_AFTER = 0.5  # epochs of training that take as long as all that comes after it
_MEASURED = (100, 300)  # steps, of which those between tell the machine's speed
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
_ASKED = "demo.json"
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

Asked = dict[str, int | None]


def demo(
    *,
    out: Path = Path("demo"),
    epochs: int | None = None,
    vocabulary: int = 5000,
    seed: int = 0,
) -> None:
    """Prepare, train, judge and compare two sentence VAEs on WordNet's definitions, in about ten minutes on two cores.

    What is already in ``out`` is not done again: a second call shows the same models at once.

    Args:
        out: the folder for the corpus, the two runs and ``report.html``.
        epochs: over the 87,000 training sentences, for each model, one or more; by default 3, or where the first steps
            tell that these take longer than ten minutes, the part of them that does not, but at least half of one.
        vocabulary: words known.
        seed: of both models.

    Raises:
        UserError: epochs is less than one, or the folder holds another demo or is damaged.
    """
    need(1, epochs=epochs)
    console = Console()
    started = time.monotonic()
    asked = _remembered(out / _ASKED, {"epochs": epochs, "vocabulary": vocabulary, "seed": seed})
    corpus = _corpus(out / "corpus", vocabulary, console)
    runs = _trained(corpus, out, asked, started, console)
    figures = [_judged(run, console) for run in runs]
    _show_training(console, runs, corpus)
    _show_figures(console, runs, figures)
    _show_sentences(console, runs, corpus, seed)
    report = out / "report.html"
    compare([run.path for run in runs], out=report, search=_SEARCH, posterior_mean=True)
    minutes = (time.monotonic() - started) / 60
    console.print(f"\n[bold]{report}[/bold] has all of this and more. This call took {minutes:.1f} minutes.")


def _remembered(path: Path, asked: Asked) -> Asked:
    """What a folder shows is what was asked for when it was begun, and the ``steps`` that were chosen then.

    Epochs left open now are those of then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _remember(path, asked)
        return asked
    try:
        before = read_object(path)
        if not all(value is None or isinstance(value, int) for value in before.values()):
            raise ValueError("not all of it is whole numbers")
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): choose another --out, or remove that folder.") from None
    begun = {name: value for name, value in before.items() if name != "steps"}
    if asked["epochs"] is None:
        asked = {**asked, "epochs": before.get("epochs")}
    if begun != asked:
        raise UserError(f"{path.parent} holds a demo of {begun}, not of {asked}: choose another --out.")
    return before


def _remember(path: Path, asked: Asked) -> None:
    write_atomically(path, json.dumps(asked).encode() + b"\n")


def _corpus(folder: Path, vocabulary: int, console: Console) -> Corpus:
    if (folder / "corpus.json").exists():
        return Corpus.open(folder)
    console.rule("Preparing WordNet's definitions")
    return prepare("wordnet", out=folder, vocabulary=vocabulary)


def _trained(corpus: Corpus, out: Path, asked: Asked, started: float, console: Console) -> list[Run]:
    """Both models, for as many epochs as were asked for, or as fit into the time since ``started``."""
    console.rule("Training a VAE and an AutoGen model of the same size, side by side")
    epoch = math.ceil(len(corpus.train) / _SENTENCES)
    most = round(_MOST * epoch) if asked["epochs"] is None else asked["epochs"] * epoch
    flags = [*_FLAGS, f"--seeds=[{asked['seed']}]", f"--validation_steps={max(1, most // 10)}"]

    def train(steps: int) -> None:
        _side_by_side(corpus, out, [*flags, f"--steps={steps}"], console)

    if asked["epochs"] is None and asked.get("steps") is None:
        console.print(f"The first {_MEASURED[1]} steps tell how many fit into ten minutes on this machine.")
        asked = {**asked, "steps": _chosen(train, out, started, epoch)}
        _remember(out / _ASKED, asked)
    steps = asked.get("steps") or most
    if steps < most:
        console.print(f"{most:,} steps would take longer than ten minutes on this machine: {steps:,} are taken.")
    train(steps)
    return [Run.load(out / name) for name in _OBJECTIVES]


def _chosen(train: Callable[[int], None], out: Path, started: float, epoch: int) -> int:
    """Steps, as the first ones tell, and once more those to half-way, since neighbours come and go: these are taken."""

    def fitting(since: int, done: int) -> int:
        train(done)
        a_step = max(_seconds_a_step(out / name / METRICS, since, done) for name in _OBJECTIVES)
        return _fitting(done, 60 * _MINUTES - (time.monotonic() - started), a_step, epoch)

    since, done = _MEASURED
    steps = fitting(since, done)
    half = (done + steps) // 2
    return fitting(done, half) if half > done else steps


def _fitting(done: int, left: float, a_step: float, epoch: int) -> int:
    """Steps, those ``done`` among them, that fit into the seconds ``left``, where ``epoch`` of them are one."""
    fit = done + left / a_step - _AFTER * epoch
    return round(max(done, min(max(fit, _LEAST * epoch), _MOST * epoch)))


def _seconds_a_step(metrics: Path, since: int, until: int) -> float:
    lines = [line for line in read_record(metrics) if line["kind"] == "train"]
    first, last = (next((line for line in lines if line["step"] >= step), None) for step in (since, until))
    if first is None or last is None or first is last:
        raise UserError(
            f"{metrics} does not tell the machine's speed: choose another --out, or remove {metrics.parent}."
        )
    return (last["seconds"] - first["seconds"]) / (last["step"] - first["step"])


def _side_by_side(corpus: Corpus, out: Path, flags: list[str], console: Console) -> None:
    """Both models at once, each on a core of its own: for nets of this size, faster than two cores for each."""
    precision = resolve("auto").name  # asked once: the two must differ in nothing but the objective
    with ThreadPoolExecutor() as pool, Children() as children:

        def begin(name: str) -> None:
            _train(name, corpus, out / name, [*flags, *_OBJECTIVES[name]], precision, console, children)

        list(pool.map(begin, _OBJECTIVES))


def _train(
    name: str, corpus: Corpus, out: Path, flags: list[str], precision: str, console: Console, children: Children
) -> None:
    """``undersong train`` in a process of its own; what it says is shown under the model's name."""
    command = [sys.executable, "-m", "undersong.cli", "train", str(corpus.folder), f"--out={out}", *flags]
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


def _show_training(console: Console, runs: list[Run], corpus: Corpus) -> None:
    console.print()
    for run in runs:
        last = next((line for line in reversed(run.metrics()) if line["kind"] == "train"), None)
        if last is None:  # somebody removed them: the models are there all the same
            continue
        took = f"{last['epoch']:.2f} epochs ({last['step']:,} steps), {last['seconds'] / 60:.1f} minutes"
        console.print(f"{run.name:>8}: trained on {len(corpus.train):,} sentences for {took}", highlight=False)


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
