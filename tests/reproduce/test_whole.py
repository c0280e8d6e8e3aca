"""A whole reproduction, from the call to the report: resumable, self-contained, and at home on odd corpora.

The quick recipes with everything smaller, their jobs done one after the other in this process.
"""

import csv
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from safetensors.numpy import load_file

from undersong import reproduce as room
from undersong.children import Children
from undersong.data.prepare import prepare
from undersong.data.store import Corpus
from undersong.learning.gradient import Gradient
from undersong.reproduce import reproduce, work
from undersong.reproduce.claims import Verdict
from undersong.reproduce.execute import Say, Site, order_of
from undersong.reproduce.igp_claims import CLAIMS
from undersong.reproduce.plan import Job, Plan, plan

SIZES = {
    **{f"{net}.{size}": 4 for net in ("model.decoder", "inference.encoder") for size in ("embedding", "hidden")},
    **{"model.latent": 2, "sentences": 16, "steps": 8, "validation_steps": 4, "precision": "fp32"},
}
PROBES = {"sentences": 40, "training": {"epochs": 1, "copies": 2, "least_updates": 2}}
MEASURES = {
    "all": [
        "Reconstruction",
        "PosteriorShape",
        {"class_path": "Classification", "init_args": {"counts": [2], **PROBES}},
        {"class_path": "Robustness", "init_args": PROBES},
    ],
    "text": ["Reconstruction", "Lengths", {"class_path": "Smoothness", "init_args": {"pairs": 2}}],
}


def smaller(paper: str, scale: str, seeds: Any = ()) -> Plan:
    found = plan(paper, scale, seeds)
    rows = tuple(replace(row, flags=row.flags | SIZES) for row in found.rows)
    less = {"evaluate": {"samples": 2, "subset": 5}, "subject": {"sentences": 20, "samples": 10}}
    return replace(found, rows=rows, measures={name: MEASURES[name] for name in found.measures}, **less)


def in_this_process(plan: Plan, job: Job, site: Site, say: Say, children: Children) -> str | None:
    order = site.out / "orders" / f"{job.name}.json"
    for path in (order, site.figures(job), site.run(job)):
        path.parent.mkdir(parents=True, exist_ok=True)
    order.write_text(json.dumps(order_of(plan, job, site)))
    return None if work.main(str(order)) == 0 else "it failed"


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "plan", smaller)
        patch.setattr(importlib.import_module("undersong.reproduce.execute"), "in_a_process", in_this_process)
        yield


def a_corpus(folder: Path, labelled: bool = True, test: int = 20) -> Path:
    """216 sentences of five words, of two classes, so many of them for testing."""
    words = [
        f"the {a} {b} sees {c}" for a, b, c in product(("old", "red", "tall", "wet", "shy", "odd"), "xyzuvw", "pqrstk")
    ]
    names = ["test"] * test + ["valid"] * 20 + ["train"] * (len(words) - test - 20)
    folder.mkdir(parents=True)
    order = np.random.default_rng(0).permutation(len(words))
    with open(folder / "lines.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("text", "class", "split"))
        table.writerows((words[i], "ab"[i % 2], name) for i, name in zip(order, names, strict=True))
    label = "class" if labelled else None
    columns = {"text_column": "text", "label_column": label, "split_column": "split"}
    return prepare(str(folder / "lines.csv"), out=folder / "corpus", show_progress=False, **columns).folder


def run(corpus: Path, out: Path, paper: Any = "igp") -> Path:
    reproduce(paper, out=out, corpus=corpus, workers=1)
    return out


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_corpus(tmp_path_factory.mktemp("corpus") / "labelled")


@pytest.fixture(scope="module")
def done(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(corpus, tmp_path_factory.mktemp("done"))


def sheets(out: Path) -> dict[str, dict]:
    return {path.stem: json.loads(path.read_text()) for path in sorted((out / "rows").glob("*.json"))}


def test_the_report_is_one_page_that_says_it_is_no_evidence(done: Path) -> None:
    html = (done / "report.html").read_text()
    assert "A smoke run, not evidence" in html
    assert "A smoke run, not evidence" in (done / "report.md").read_text()
    named = re.findall(r"""(?:src|href|srcset|action)\s*=\s*["']?([^"'\s>]+)|url\(\s*["']?([^"')]+)""", html)
    assert [place for pair in named for place in pair if place and not place.startswith(("#", "data:"))] == []
    assert "@import" not in html
    assert "DGP, C = 5" in html
    assert html.count("data:image/") > 4, "figures are in the page"


def test_the_table_says_what_was_run_with_which_seeds_data_and_versions(done: Path, corpus: Path) -> None:
    table = json.loads((done / "table.json").read_text())
    assert (table["paper"], table["scale"], table["evidence"]) == ("igp", "quick", False)
    assert {"undersong", "torch", "numpy", "python"} <= table["versions"].keys()
    assert [row["row"] for row in table["rows"]] == ["dgp-5", "igp-5", "autoencoder"]
    for row in table["rows"]:
        assert row["seeds"] == row["seeds_planned"] == [0]
        assert row["corpus_hash"] == [Corpus.open(corpus).hash]
        assert row["train"]["steps"] == 8
        assert {"bleu_2", "accuracy", "accuracy_2", "accuracy_damaged"} <= row["figures"].keys()
    assert [claim["claim"] for claim in table["claims"]] == [claim.text for claim in CLAIMS]
    assert {claim["verdict"] for claim in table["claims"]} <= set(get_args(Verdict))


def test_a_second_call_trains_and_measures_nothing(done: Path, corpus: Path, capsys: pytest.CaptureFixture) -> None:
    def known() -> dict[Path, int]:
        found = [path for name in ("runs", "rows") for path in (done / name).rglob("*") if path.is_file()]
        return {path: path.stat().st_mtime_ns for path in found}

    before = known()
    assert any(path.suffix == ".safetensors" for path in before)
    run(corpus, done)
    assert known() == before
    assert "0 of 3 runs are to be trained" in capsys.readouterr().out


def test_stopped_in_mid_training_it_goes_on_and_ends_the_same(
    done: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, step = [], Gradient.step

    def stopped(self: Gradient, x: Any, number: int) -> Any:
        if number == 6 and len(trained) == 6 + 8:  # of the second row, after its first checkpoint
            raise KeyboardInterrupt
        trained.append(number)
        return step(self, x, number)

    monkeypatch.setattr(Gradient, "step", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(corpus, tmp_path)
    assert list(sheets(tmp_path)) == ["dgp-5.seed-0"]
    first = trained.copy()
    run(corpus, tmp_path)
    assert first == [*range(8), *range(6)]
    assert trained[len(first) :] == [*range(4, 8), *range(8)], "the second row goes on from its checkpoint"
    ours, theirs = sheets(tmp_path), sheets(done)
    assert {name: sheet["figures"] for name, sheet in ours.items()} == {n: s["figures"] for n, s in theirs.items()}
    for path in (done / "runs" / "igp-5.seed-0").rglob("*.safetensors"):
        one, other = load_file(path), load_file(tmp_path / path.relative_to(done))
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_without_labels_the_measures_of_classes_are_left_out_and_say_why(tmp_path: Path) -> None:
    out = run(a_corpus(tmp_path / "plain", labelled=False), tmp_path / "out")
    found = sheets(out)
    assert len(found) == 3
    for sheet in found.values():
        left_out = {name: why for answer in sheet["answers"] for name, why in answer["left_out"].items()}
        assert left_out.keys() >= {"classification", "robustness"}
        assert "the corpus has no labels" in left_out.values()
        assert "bleu_2" in sheet["figures"]
        assert not any("accuracy" in name and name != "token_accuracy" for name in sheet["figures"])
    assert (out / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize("paper", ["igp", "autogen"])
def test_a_test_split_of_three_sentences_is_enough_for_a_report(tmp_path: Path, paper: str) -> None:
    """Fewer than a beam has hypotheses, and fewer than t-SNE draws."""
    out = run(a_corpus(tmp_path / "little", test=3), tmp_path / "out", paper)
    found = sheets(out)
    assert len(found) == {"igp": 3, "autogen": 4}[paper]
    assert all("bleu_2" in sheet["figures"] for sheet in found.values())
    assert "A smoke run, not evidence" in (out / "report.html").read_text()


def test_every_option_but_out_has_a_default() -> None:
    options = inspect.signature(reproduce).parameters
    assert [name for name, option in options.items() if option.default is inspect.Parameter.empty] == ["paper", "out"]
