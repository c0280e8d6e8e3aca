"""The demo shows what it trained: prepared, trained, judged and compared, once; and says no to another question."""

import io
import json
from functools import partial

import pytest
from rich.console import Console
from tests.learning.small import learn, make_corpus

from undersong import demo as module
from undersong.data import Corpus
from undersong.decoding import Sample, interpolate, reconstruct, sample
from undersong.demo import demo
from undersong.errors import UserError
from undersong.learning import Gradient
from undersong.text import readable

_SMALL = ["embedding=100", "embedding=8", "hidden=128", "hidden=16", "latent=32", "latent=4"]


@pytest.fixture
def small(monkeypatch):
    flags = module._FLAGS
    for big, little in zip(_SMALL[::2], _SMALL[1::2], strict=True):
        flags = [flag.replace(big, little) for flag in flags]
    monkeypatch.setattr(module, "_FLAGS", [*flags, "--steps=30", "--validation_sentences=50"])


@pytest.mark.slow
def test_it_prepares_trains_judges_and_compares_once(small, tmp_path, capsys):
    out = tmp_path / "demo"
    demo(out=out, epochs=1, vocabulary=300)
    shown = capsys.readouterr().out
    kept = json.loads((out / "autogen" / "evaluation.json").read_text())["test"]
    assert f"{kept['elbo']:.2f}" in shown
    assert f"{kept['kl']:.2f}" in shown
    assert shown.count("all epochs are done; 30 steps in") == 2
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "vae" in page
    assert "autogen" in page
    weights = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    demo(out=out, epochs=1, vocabulary=300)
    assert f"{kept['elbo']:.2f}" in capsys.readouterr().out
    assert weights == {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    with pytest.raises(UserError, match="another --out"):
        demo(out=out, epochs=1, vocabulary=300, seed=1)


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
    module._remember(tmp_path / "demo.json", {"epochs": 3})
    module._remember(tmp_path / "demo.json", {"epochs": 3})
    with pytest.raises(UserError, match="choose another --out"):
        module._remember(tmp_path / "demo.json", {"epochs": 4})


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_folder_whose_question_is_damaged_is_refused_clearly(tmp_path, content):
    (tmp_path / "demo.json").write_text(content)
    with pytest.raises(UserError, match=r"demo\.json is damaged .*choose another --out"):
        demo(out=tmp_path)
