"""A difference between runs is marked where the test says that it is real, and nowhere else; the test is named."""

from pathlib import Path

import numpy as np
import pytest
from tests.report.test_compare import made
from tests.report.test_html import Reader

from undersong.evaluation import pairs
from undersong.learning import Run
from undersong.report import paired as paired_module
from undersong.report.evidence import Evidence
from undersong.report.html import Paragraph, Picture
from undersong.report.paired import _table, paired
from undersong.report.posteriors import posteriors
from undersong.report.tables import Cell, Table


def cells(table: Table, label: str) -> tuple[Cell, ...]:
    (row,) = [row for row in table.rows if row[0].value == label]
    return row[1:]


def evidence(home: Path, *names: str) -> list[Evidence]:
    return [Evidence.of(name, Run.load(home / name), "test") for name in names]


def test_only_real_differences_are_marked(home: Path) -> None:
    random = np.random.default_rng(0)
    elbo, noise = -40 + random.standard_normal(300), 0.3 * random.standard_normal(300)
    rows = {"row": np.arange(300), "rate": np.ones(300)}
    first = rows | {"elbo": elbo, "distortion": elbo}
    second = rows | {"elbo": elbo + 1.0 + noise, "distortion": elbo + noise - noise.mean()}
    table = _table(evidence(home, "vae", "<b>$autogen"), [first, second])
    base, better = cells(table, "ELBO")
    assert (base.mark, better.mark) == ("", " *")
    assert better.detail.startswith("+1.0")
    assert better.detail.endswith("p < 0.001")
    assert [cell.mark for cell in cells(table, "reconstruction")] == ["", ""]
    assert [cell.mark for cell in cells(table, "KL")] == ["", ""]
    assert "paired bootstrap over 300 sentences" in table.notes[0]
    assert "from vae is real: p < 0.05" in table.notes[0]


def test_runs_that_share_no_score_have_no_row(home: Path) -> None:
    rows = {"row": np.arange(30)}
    told, point = rows | {"elbo": np.ones(30)}, rows | {"distortion": np.ones(30)}
    assert _table(evidence(home, "lm", "vae", "<b>$autogen"), [told, point, point]).rows == ()


def test_runs_are_tested_on_the_same_sentences(home: Path) -> None:
    (table,) = paired(evidence(home, "vae", "<b>$autogen", "lm", "elsewhere"), "test", 9).blocks
    assert isinstance(table, Table)
    assert table.columns == ("", "vae", "<b>$autogen", "lm")  # the last one scores other sentences
    assert table.title.startswith("The same 9 sentences")
    assert all(cell.is_number for cell in cells(table, "ELBO"))
    vae, autogen, lm = cells(table, "BLEU-2")
    assert vae.is_number
    assert autogen.is_number
    assert str(lm) == "–"
    assert "paired bootstrap over 9 sentences" in table.notes[0]


def test_the_page_has_the_tests_and_the_posteriors_unless_it_is_told_not_to(home: Path, tmp_path: Path) -> None:
    page = Reader(made(home, tmp_path / "a.html", "vae", "<b>$autogen", "elsewhere", examined=10))
    assert "Which differences are real" in page.text
    assert "paired bootstrap over 10 sentences" in page.text
    assert page.text.count("a histogram for each dimension") == 2  # one for each corpus
    assert page.text.count("no class is known, so all have one colour") == 2
    assert "What each run makes of a beginning" in page.text
    without = Reader(made(home, tmp_path / "b.html", "vae", "<b>$autogen", examined=0))
    assert "Which differences are real" not in without.text
    assert "histogram" not in without.text


def test_posteriors_of_many_runs_are_left_out_with_a_sentence(home: Path) -> None:
    runs = evidence(home, "vae") * 7
    (said,) = posteriors(runs, "test", 20).blocks
    assert "at most 6 runs, and there are 7" in str(said)


def test_few_sentences_have_histograms_and_no_map(home: Path) -> None:
    picture, said = posteriors(evidence(home, "vae"), "test", 3).blocks
    assert isinstance(picture, Picture)
    assert isinstance(said, Paragraph)
    assert "it needs at least 4 sentences" in said.text


def test_pictures_of_two_corpora_say_which_they_are_of(home: Path) -> None:
    pictures = posteriors(evidence(home, "vae", "elsewhere"), "test", 10).blocks
    said = [one.caption for one in pictures if isinstance(one, Picture)]
    assert [f"the test split of corpus-{number}" in caption for number in (1, 2) for caption in said] == [
        *(True, True, False, False),
        *(False, False, True, True),
    ]


def test_of_many_sentences_only_the_mutual_information_is_left_out_and_it_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (paired_module, pairs):
        monkeypatch.setattr(module, "MOST", 8)
    runs = evidence(home, "vae", "<b>$autogen")
    for sentences, told in ((9, False), (8, True)):
        (table,) = paired(runs, "test", sentences).blocks
        assert isinstance(table, Table)
        labels = {str(row[0].value) for row in table.rows}
        assert {"ELBO", "KL", "reconstruction"} <= labels
        assert ("mutual information" in labels) is told
        assert any("is tested of 8 at most" in note for note in table.notes) is not told
