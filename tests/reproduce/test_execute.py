"""Jobs are done in order, some at a time, none twice; one that fails is told and does not stop the rest."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.house.source import ROOT

from undersong.data.prepare import prepare
from undersong.reproduce.execute import TRAINED, Site, execute, order_of, projected
from undersong.reproduce.plan import Job, Plan, Row

TINY = {
    "model": "VAE",
    "model.latent": 2,
    "model.decoder": "RecurrentDecoder",
    "model.decoder.embedding": 4,
    "model.decoder.hidden": 4,
    "inference": "Amortized",
    "inference.family": "IsotropicGaussian",
    "inference.encoder": "RecurrentEncoder",
    "inference.encoder.embedding": 4,
    "inference.encoder.hidden": 4,
    "sentences": 8,
    "steps": 4,
}


def row(name: str, corpus: str = "words", after: str | None = None, **flags: object) -> Row:
    return Row(name, name, corpus, {**TINY, **flags}, ("some",), (0,), after)


def a_plan(*rows: Row) -> Plan:
    return Plan(
        paper="autogen",
        title="a small world",
        scale="quick",
        notes=(),
        corpora={},
        main="words",
        rows=rows,
        measures={"some": ["Reconstruction"]},
        evaluate={"samples": 2, "subset": 2},
        subject={"sentences": 5, "samples": 5},
        tokens_per_second=100.0,
    )


def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "out", {"words": tmp_path / "corpus"})


def mark_trained(site: Site, job: Job) -> None:
    site.run(job).mkdir(parents=True)
    (site.run(job) / TRAINED).write_text("{}")


def test_a_failure_is_told_and_the_rest_is_done(tmp_path: Path) -> None:
    done, heard = [], []
    chosen = a_plan(row("a"), row("b"), row("c", corpus="elsewhere"), row("d"))

    def do(plan: Plan, job: Job, site: Site) -> str | None:
        done.append(job.name)
        return "its loss is no number" if job.row.name == "b" else None

    wrong = execute(chosen, chosen.jobs(), site(tmp_path), 1, heard.append, do)
    assert done == ["a.seed-0", "b.seed-0", "d.seed-0"]
    assert wrong == ["c.seed-0: its corpus elsewhere is not here", "b.seed-0: its loss is no number"] or sorted(
        wrong
    ) == ["b.seed-0: its loss is no number", "c.seed-0: its corpus elsewhere is not here"]
    assert any("b.seed-0 failed: its loss" in line for line in heard)


def test_never_more_at_a_time_than_workers(tmp_path: Path) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def do(plan: Plan, job: Job, site: Site) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.02)
        with lock:
            now -= 1

    chosen = a_plan(*(row(name) for name in "abcdef"))
    execute(chosen, chosen.jobs(), site(tmp_path), 2, lambda line: None, do)
    assert most == 2


def test_a_row_waits_for_the_one_it_starts_from(tmp_path: Path) -> None:
    chosen, here, done = a_plan(row("late", after="early"), row("early")), site(tmp_path), []

    def do(plan: Plan, job: Job, where: Site) -> None:
        done.append(job.row.name)
        mark_trained(where, job)

    assert execute(chosen, chosen.jobs(), here, 2, lambda line: None, do) == []
    assert done == ["early", "late"]
    alone = execute(chosen, chosen.jobs(["late"]), Site(tmp_path / "new", here.corpora), 2, lambda line: None, do)
    assert alone == ["late.seed-0: early.seed-0, from which it starts, is not trained"]


def test_the_order_names_the_run_to_start_from(tmp_path: Path) -> None:
    chosen, here = a_plan(row("late", after="early", **{"learner.run": "{after}"})), site(tmp_path)
    order = order_of(chosen, chosen.jobs()[0], here)
    assert order["flags"]["learner.run"] == str(here.out / "runs" / "early.seed-0")
    assert json.loads(json.dumps(order)) == order


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    lines = [f"the {a} {b} sees the {c} now" for a in ("old", "red", "tall") for b in "xyz" for c in "pqrstuvw"]
    (folder / "lines.txt").write_text("\n".join(lines))
    prepare(str(folder / "lines.txt"), out=folder / "corpus", show_progress=False, splits=(0.6, 0.2, 0.2))
    return folder / "corpus"


def test_the_cost_is_told_before_and_only_of_what_is_left(tmp_path: Path, corpus: Path) -> None:
    chosen, here = a_plan(row("a"), row("b")), Site(tmp_path, {"words": corpus})
    assert projected(chosen, chosen.jobs(), here, 2).startswith("2 of 2 runs are to be trained")
    mark_trained(here, chosen.jobs()[0])
    assert projected(chosen, chosen.jobs(), here, 2).startswith("1 of 2 runs are to be trained")


@pytest.mark.slow
def test_in_processes_of_their_own_nothing_is_done_twice(tmp_path: Path, corpus: Path) -> None:
    """Two runs, the second from the first's weights with its variances untied; then all again, at no cost."""
    ties = {"inference.family": "DiagonalGaussian", "learner": "undersong.reproduce.warm_start.WarmStart"}
    chosen = a_plan(row("tied"), row("untied", after="tied", **ties, **{"learner.run": "{after}"}))
    here, heard = Site(tmp_path, {"words": corpus}), []
    assert execute(chosen, chosen.jobs(), here, 2, heard.append) == []
    assert {"tied.seed-0: measuring bounds", "tied.seed-0: measuring Reconstruction"} <= set(heard)
    assert any(line.startswith("untied.seed-0: held out, epoch") for line in heard), "training says how far it is"
    sheets = [here.figures(job) for job in chosen.jobs()]
    first = [json.loads(path.read_text()) for path in sheets]
    assert all({"elbo", "kl", "bleu_2"} <= set(sheet["figures"]) for sheet in first)
    before = [
        (path.stat().st_mtime_ns, (here.run(job) / "metrics.jsonl").read_bytes())
        for path, job in zip(sheets, chosen.jobs(), strict=True)
    ]
    heard.clear()
    assert execute(chosen, chosen.jobs(), here, 2, heard.append) == []
    assert not any("measuring" in line or "held out" in line for line in heard)
    after = [
        (path.stat().st_mtime_ns, (here.run(job) / "metrics.jsonl").read_bytes())
        for path, job in zip(sheets, chosen.jobs(), strict=True)
    ]
    assert after == before


@pytest.mark.slow
def test_with_another_number_of_threads_it_goes_on_where_it_was(tmp_path: Path, corpus: Path) -> None:
    """A run keeps the threads it was begun with; one that lacks only a measure is measured."""
    chosen, one, heard = a_plan(row("a")), Site(tmp_path, {"words": corpus}), []
    assert execute(chosen, chosen.jobs(), replace(one, measure=False), 1, heard.append) == []
    assert execute(chosen, chosen.jobs(), replace(one, threads=2), 1, heard.append) == []
    assert "a.seed-0: measuring Reconstruction" in heard
    assert "threads: 1" in (one.run(chosen.jobs()[0]) / "config.yaml").read_text().splitlines()


LONG = """
from pathlib import Path
from tests.reproduce.test_execute import a_plan, row
from undersong.cli import _stoppable
from undersong.reproduce.execute import Site, execute
chosen = a_plan(row("long", steps=10**7, epochs=10**7, checkpoint_seconds=1e9, validation_steps=500))
site = Site(Path({out!r}), {{"words": Path({corpus!r})}})
with _stoppable():
    execute(chosen, chosen.jobs(), site, 1, lambda line: print(line, flush=True))
"""


@pytest.mark.slow
def test_sigterm_to_the_command_alone_ends_its_runs_once_they_are_saved(tmp_path: Path, corpus: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-c", LONG.format(out=str(tmp_path), corpus=str(corpus))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert any("held out, epoch" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 143
    assert f"undersong train --config {tmp_path / 'runs' / 'long.seed-0' / 'config.yaml'} --resume true" in said
    assert list((tmp_path / "runs" / "long.seed-0" / "checkpoints").glob("step-*"))
