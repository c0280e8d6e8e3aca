"""The demo shows what it trained: prepared, trained, judged and compared, once; and says no to another question."""

import io
import json
import os
import re
import subprocess
import sys
import time
from functools import partial

import pytest
from rich.console import Console
from tests.learning.small import learn, make_corpus

from undersong import demo as module
from undersong.data import Corpus
from undersong.decoding import Sample, interpolate, reconstruct, sample
from undersong.demo import demo
from undersong.errors import UserError
from undersong.learning import Gradient, Run
from undersong.learning.record import read_record
from undersong.text import readable

_SMALL = {"embedding=100": "embedding=8", "hidden=128": "hidden=16", "latent=32": "latent=4", "s=32": "s=4096"}
_EPOCH = 22  # steps, of batches so large
STOPPED = """
import sys
from undersong import demo as module
from undersong.children import Children
from undersong.cli import main

module._FLAGS, module._SENTENCES, module._MEASURED = {flags!r}, {sentences!r}, {measured!r}
start = Children.start

def told(*arguments, **settings):
    child = start(*arguments, **settings)
    print("child", child.pid, flush=True)
    return child

Children.start = told
sys.exit(main(["demo", "--out", {out!r}, "--vocabulary", "300", *{asked!r}]))
"""


@pytest.fixture
def small(monkeypatch):
    flags = module._FLAGS
    for big, little in _SMALL.items():
        flags = [flag.replace(big, little) for flag in flags]
    monkeypatch.setattr(module, "_FLAGS", [*flags, "--validation_sentences=50"])
    monkeypatch.setattr(module, "_SENTENCES", 4096)
    monkeypatch.setattr(module, "_MEASURED", (5, 40))


@pytest.mark.slow
def test_it_prepares_trains_judges_and_compares_once(small, tmp_path, capsys):
    out = tmp_path / "demo"
    demo(out=out, epochs=1, vocabulary=300)
    shown = capsys.readouterr().out
    kept = json.loads((out / "autogen" / "evaluation.json").read_text())["test"]
    assert f"{kept['elbo']:.2f}" in shown
    assert f"{kept['kl']:.2f}" in shown
    assert shown.count(f"{_EPOCH} steps in") == 2
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "vae" in page
    assert "autogen" in page
    weights = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    for epochs in (1, None):  # what is left open is as it was
        demo(out=out, epochs=epochs, vocabulary=300)
        assert f"{kept['elbo']:.2f}" in capsys.readouterr().out
        assert weights == {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    with pytest.raises(UserError, match="another --out"):
        demo(out=out, epochs=1, vocabulary=300, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [8.0, 0.0])
def test_it_trains_for_as_long_as_the_machine_has_time(small, tmp_path, monkeypatch, capsys, minutes):
    monkeypatch.setattr(module, "_MINUTES", minutes)
    out = tmp_path / "demo"
    demo(out=out, vocabulary=300)
    shown = capsys.readouterr().out
    steps = 3 * _EPOCH if minutes else 40  # no time is left, but what was measured is learned
    kept = {"epochs": None, "vocabulary": 300, "seed": 0, "steps": steps}
    assert json.loads((out / "demo.json").read_text()) == kept
    assert ("longer than ten minutes" in shown) == (not minutes)
    for name in ("vae", "autogen"):
        assert f"sentences for {steps / _EPOCH:.2f} epochs ({steps} steps), " in shown
        assert Run.load(out / name).step <= steps
    monkeypatch.setattr(module, "_MINUTES", 8.0)  # a folder keeps what was chosen for it
    demo(out=out, vocabulary=300)
    assert f"({steps} steps)" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("asked", [["--epochs", "2"], []], ids=["epochs told", "while the speed is measured"])
def test_told_to_stop_it_leaves_no_process_behind_and_called_again_goes_on(small, tmp_path, asked):
    out, said = tmp_path / "demo", tmp_path / "said"
    settings = {"flags": module._FLAGS, "sentences": module._SENTENCES, "measured": module._MEASURED}
    program = STOPPED.format(out=str(out), asked=asked, **settings)

    def called() -> subprocess.Popen[str]:
        with said.open("w") as file:
            return subprocess.Popen([sys.executable, "-c", program], stdout=file, stderr=subprocess.STDOUT)

    records = [out / name / "metrics.jsonl" for name in ("vae", "autogen")]
    process = called()
    while not all(map(read_record, records)):
        assert process.poll() is None, said.read_text()
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=60) == 143
    children = [int(line.split()[1]) for line in said.read_text().splitlines() if line.startswith("child")]
    assert len(children) == 2
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
    assert said.read_text().count("Saved at step") == 2
    stopped = [read_record(path)[-1]["step"] for path in records]
    assert max(stopped) < 40
    process = called()
    assert process.wait(timeout=300) == 0, said.read_text()
    for name, step in zip(("vae", "autogen"), stopped, strict=True):
        assert re.search(rf"{name}  Training .* from step {step} ", said.read_text())
        assert Run.load(out / name).step <= 2 * _EPOCH or not asked
    assert (out / "report.html").exists()


def test_the_steps_are_those_that_fit_and_never_more_than_three_epochs_or_less_than_half_a_one():
    epoch, after = 2725, module._AFTER
    assert module._fitting(300, 480, 0.03, epoch) == 3 * epoch
    for done in (300, 2000):
        for a_step in (0.09, 0.12, 0.15):
            steps = module._fitting(done, 480, a_step, epoch)
            assert 0.5 * epoch < steps < 3 * epoch
            assert (steps - done + after * epoch) * a_step == pytest.approx(480, abs=a_step)
    assert module._fitting(300, 480, 1.0, epoch) == round(0.5 * epoch)
    assert module._fitting(300, -5.0, 0.03, epoch) == round(0.5 * epoch)
    assert module._fitting(2000, -5.0, 0.03, epoch) == 2000


def told(folder, *lines):
    folder.mkdir(exist_ok=True)
    written = [json.dumps(dict(zip(("kind", "step", "seconds"), line, strict=True))) for line in lines]
    (folder / "metrics.jsonl").write_text("".join(f"{line}\n" for line in written))
    return folder / "metrics.jsonl"


def test_the_speed_is_that_between_the_measured_steps(tmp_path):
    lines = [("train", 20, 9.0), ("train", 100, 20.0), ("valid", 200, 30.0), ("train", 310, 41.0), ("train", 400, 99.0)]
    assert module._seconds_a_step(told(tmp_path, *lines), 100, 300) == pytest.approx(0.1)
    for damaged in ([], lines[:3], lines[3:]):
        with pytest.raises(UserError, match=r"metrics\.jsonl does not tell the machine's speed: choose another --out"):
            module._seconds_a_step(told(tmp_path, *damaged), 100, 300)


def test_the_slower_of_the_two_tells_how_long_both_learn_and_what_was_chosen_is_kept(tmp_path, monkeypatch):
    corpus, asked = Corpus.open(make_corpus(tmp_path / "corpus")), {"epochs": None, "seed": 0}
    trained, same = [], []

    def side_by_side(corpus, out, flags, console):
        trained.append(int(flags[-1].removeprefix("--steps=")))
        same.append(flags[:-1])
        for name, a_step in (("vae", 0.5), ("autogen", 1.0)):
            lines = [("train", 5, 60.0), ("train", 40, 60.0 + 35 * a_step)]
            if trained[-1] > 40:  # neighbours came: three times as slow
                lines.append(("train", trained[-1], 60.0 + (35 + 3 * (trained[-1] - 40)) * a_step))
            told(out / name, *lines)

    monkeypatch.setattr(module, "_SENTENCES", 1)
    monkeypatch.setattr(module, "_MEASURED", (5, 40))
    monkeypatch.setattr(module, "_side_by_side", side_by_side)
    monkeypatch.setattr(module.Run, "load", lambda path: path)
    console = Console(file=io.StringIO())
    for _ in range(2):
        asked = module._remembered(tmp_path / "demo.json", asked)
        module._trained(corpus, tmp_path, asked, time.monotonic() - 100, console)
        asked = {"epochs": None, "seed": 0}
    first, half, last, again = trained
    assert first == 40
    at_first = 40 + 380 - 0.5 * 240  # a hundred seconds are gone
    assert half == pytest.approx((40 + at_first) / 2, abs=2)
    assert last == again == pytest.approx(half + 380 / 3 - 0.5 * 240, abs=2)
    assert all(flags == same[0] for flags in same)  # all but the steps: a run goes on with what it was begun with


def test_models_whose_metrics_were_removed_are_shown_all_the_same(tmp_path):
    corpus = make_corpus(tmp_path / "corpus")
    runs = [learn(corpus, tmp_path / name, epochs=1) for name in ("vae", "autogen")]
    (runs[0].path / "metrics.jsonl").unlink()
    console = Console(file=io.StringIO(), width=1000)
    module._show_training(console, runs, Corpus.open(corpus))
    (line,) = console.file.getvalue().split("\n")[1:-1]  # type: ignore[attr-defined]
    assert "autogen: trained on 240 sentences for 1.00 epochs (10 steps), 0.0 minutes" in line


@pytest.mark.parametrize("epochs", [0, -1])
def test_no_epochs_are_refused_before_anything_is_made(tmp_path, epochs):
    with pytest.raises(UserError, match=f"epochs is {epochs}: it must be at least 1"):
        demo(out=tmp_path / "demo", epochs=epochs)
    assert not (tmp_path / "demo").exists()


def test_the_sentences_shown_are_those_that_the_runs_write(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SEARCH", Sample())  # a beam on random words writes nothing
    corpus = Corpus.open(make_corpus(tmp_path / "corpus"))
    fast = partial(Gradient, lr=0.1)  # so that the two do not write the same sentences
    runs = [
        learn(corpus.folder, tmp_path / "vae", epochs=1),
        learn(corpus.folder, tmp_path / "autogen", learner=fast, epochs=8),
    ]
    console = Console(file=io.StringIO(), width=1000, highlight=False)
    module._show_sentences(console, runs, corpus, seed=3)
    shown = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    first = [" ".join(corpus.test.words(row)) for row in range(6)]
    how = module._SEARCH
    expected, rewritten = [], [reconstruct(run, first, how, unknown=False) for run in runs]
    assert [r.text for r in rewritten[0]] != [r.text for r in rewritten[1]]
    for at, text in enumerate(first):
        expected += [
            text,
            *(f"  {run.name:>8}: {readable(lines[at].text)}" for run, lines in zip(runs, rewritten, strict=True)),
        ]
    for run in runs:
        expected += [f"  {readable(line.text)}" for line in sample(run, 5, how, unknown=False, seed=3)]
        steps = interpolate(run, first[0], first[-1], 8, how, unknown=False).steps
        expected += [f"  {readable(step.text)}" for step in steps]
    headings = ("The same sentences", "─")
    told = [line.rstrip() for line in shown if line.strip() and not line.startswith(headings)]
    assert told == [line.rstrip() for line in expected if line.strip()]


def test_another_question_to_the_same_folder_is_refused(tmp_path):
    path = tmp_path / "demo.json"
    asked = {"epochs": 3, "seed": 0}
    assert module._remembered(path, asked) == asked
    assert module._remembered(path, asked) == asked
    assert module._remembered(path, {"epochs": None, "seed": 0}) == asked
    for other in ({"epochs": 4, "seed": 0}, {"epochs": None, "seed": 1}):
        with pytest.raises(UserError, match="choose another --out"):
            module._remembered(path, other)


def test_a_folder_keeps_the_steps_that_were_chosen_for_it(tmp_path):
    path = tmp_path / "demo.json"
    asked = {"epochs": None, "seed": 0}
    assert module._remembered(path, asked) == asked
    module._remember(path, {**asked, "steps": 70})
    assert module._remembered(path, asked) == {**asked, "steps": 70}
    with pytest.raises(UserError, match="holds a demo"):
        module._remembered(path, {"epochs": 3, "seed": 0})


@pytest.mark.parametrize("content", ["", "[]", "{", '{"epochs": null, "steps": "many"}'])
def test_a_folder_whose_question_is_damaged_is_refused_clearly(tmp_path, content):
    (tmp_path / "demo.json").write_text(content)
    with pytest.raises(UserError, match=r"demo\.json is damaged .*choose another --out"):
        demo(out=tmp_path)
