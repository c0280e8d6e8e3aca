"""The page, its Markdown and its JSON say the same: figures, marks, sentences, and how much of a claim was measured."""

import json
from pathlib import Path

import pytest

from undersong.errors import UserError
from undersong.report.drawn import Drawn
from undersong.report.figures import Series, over_training
from undersong.report.html import Paragraph, Section
from undersong.report.tables import Cell, Table
from undersong.reproduce import page
from undersong.reproduce.claims import Claim, Decision, Finding
from undersong.reproduce.measured import Measured
from undersong.reproduce.plan import Plan, Row
from undersong.reproduce.tables import all_figures, claims_table, decided, restored

ROWS = tuple(
    Row(name, name.upper(), corpus, {"epochs": 1}, ("all",), (0, 1))
    for name, corpus in (
        ("far", "other"),
        ("a", "words"),
        ("b", "words"),
        ("c", "words"),
        ("d", "words"),
        ("e", "words"),
    )
)
PLAN = Plan("igp", "A title", "small", ("A note.",), {}, "words", ROWS, {"all": []}, {}, {}, 1.0)
CLAIM = Claim("name", "s. 1", "It is so", "3", ())
HALF = Decision(CLAIM, (Finding("2 > 1", "held"), Finding("x: not measured", "not measured")))


def a_sheet(seed: int, **figures: float) -> dict:
    return {"seed": seed, "corpus": {"hash": "h"}, "figures": figures}


MEASURED = Measured(
    {
        "a": [
            a_sheet(seed, mutual_information=value, mutual_information_cap=7.0) for seed, value in ((0, 5.0), (1, 6.9))
        ],
        "b": [a_sheet(0, mutual_information=5.0, mutual_information_cap=7.0, information=6.95, information_cap=7.0)],
        "c": [a_sheet(0, kl=2.0)],
        "d": [a_sheet(0, kl=2.0)],
        "e": [a_sheet(0, kl=2.0)],
        "far": [a_sheet(0, kl=2.0)],
    }
)


def cell(tables: list[Table], row: str, key: str) -> str:
    (found,) = [
        line[table.columns.index(key)]
        for table in tables
        for line in table.rows
        if key in table.columns and line[0].value == row
    ]
    return str(found)


def test_an_estimate_at_its_cap_is_marked_wherever_it_is_printed() -> None:
    tables = all_figures([{"row": r.name, "label": r.label, "corpus": r.corpus} for r in ROWS], MEASURED)
    assert cell(tables, "A", "mutual_information") == "5.95 ± 1.34 (2) ‡"  # one of its seeds is at the cap
    assert cell(tables, "B", "mutual_information") == "5.00 (1)"
    assert cell(tables, "B", "information") == "6.95 (1) ‡"
    assert cell(tables, "C", "kl") == "2.00 (1)"
    assert all(any("‡ at the cap" in note for note in table.notes) for table in tables)


def test_a_verdict_says_how_many_of_its_parts_were_measured() -> None:
    whole = Decision(CLAIM, HALF.findings[:1])
    none = Decision(CLAIM, HALF.findings[1:])
    said = [str(row[-1]) for row in claims_table([HALF, whole, none]).rows]
    assert said == ["held; 1 of 2 parts measured", "held", "not measured"]
    assert "x: not measured" in str(claims_table([HALF]).rows[0][2])
    assert str(claims_table([HALF], evidence=False).rows[0][-1]) == "no evidence"


def test_what_is_stored_makes_the_same_tables() -> None:
    outcome = json.loads(json.dumps(page.as_data(PLAN, MEASURED, [HALF])))
    assert claims_table(decided(outcome)).rows == claims_table([HALF]).rows
    assert all_figures(outcome["rows"], restored(outcome)) == all_figures(outcome["rows"], MEASURED)


def test_page_and_markdown_show_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Section("Walks", (Paragraph("From “one” to “two”."), Table("The way", ("A",), ((Cell("a step"),),))))
    monkeypatch.setattr(page, "_examples", lambda plan, measured: [(walk.title, walk.blocks)])
    curve = Drawn("a-curve", "What it shows.", lambda theme: over_training([Series("A", [1], [2.0])], "x", "y", theme))
    page.write(tmp_path, PLAN, MEASURED, [HALF], [curve, Paragraph("No map: too few sentences.")])
    html, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    for said in (
        *("A note.", "What it shows.", "No map: too few sentences.", "From “one” to “two”.", "a step"),
        *("1 of 2 parts measured", "5.95 ± 1.34 (2) ‡"),
    ):
        assert said in html, said
        assert said in text, said
    assert "![a-curve](figures/a-curve.png)" in text
    assert (tmp_path / "figures" / "a-curve.png").read_bytes().startswith(b"\x89PNG")
    assert text.index("From “one” to “two”.") < text.index("a step")


def test_sentences_are_of_rows_of_the_main_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load(path: Path) -> None:
        asked.append(path.name)
        raise UserError("it holds no run")

    monkeypatch.setattr(page.Run, "load", load)
    assert page._examples(PLAN, Measured(MEASURED.sheets, tmp_path)) == []
    assert asked == ["a.seed-0", "b.seed-0", "c.seed-0", "d.seed-0"]
    assert page._examples(PLAN, MEASURED) == []  # only the sheets are there


def test_runs_of_another_recipe_are_named_on_the_page_and_in_the_data(tmp_path: Path) -> None:
    foreign = Measured(MEASURED.sheets, left_out=("vae.seed-0",))
    page.write(tmp_path, PLAN, foreign, [], [])
    for name in ("report.html", "report.md", "table.json"):
        assert "Not trained as this recipe has it at this scale, and so left out: vae.seed-0." in (
            (tmp_path / name).read_text()
        ), name
