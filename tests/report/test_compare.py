"""``compare``: what runs are ranked, what is shown of them, and what a page never does. Tiny runs, really trained."""

import json
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
from tests.report.conftest import encoder, vae
from tests.report.test_html import Reader

from undersong.data.prepare import prepare
from undersong.decoding import Greedy, Sample, interpolate, reconstruct, sample
from undersong.errors import UserError
from undersong.inference import Amortized
from undersong.learning import Run, train
from undersong.report import compare, sections
from undersong.report.evidence import Evidence, names
from undersong.report.html import Notice, Picture
from undersong.report.meanings import MEANINGS
from undersong.report.tables import Table
from undersong.text import readable


def made(home: Path, out: Path, *runs: str, **options) -> str:
    quick = {"search": Greedy(), "sentences": 3, "samples": 3, "steps": 4, "examined": 0} | options
    return compare([home / run for run in runs], out=out, **quick).read_text(encoding="utf-8")


def test_everything_asked_for_is_there(home: Path, tmp_path: Path) -> None:
    runs = ("vae", "<b>$autogen", "lm", "autoencoder")
    page = Reader(made(home, tmp_path / "new" / "report.html", *runs, examined=10))
    for title in ("Figures", "Rate and distortion", "Over training", "Reconstructions", "Sentences from the prior"):
        assert title in page.text
    assert "Without a rate, and so not drawn: lm, autoencoder." in page.text
    for told in ("AutoGen(m=1)", "8 steps", "--objective.m", "no latent variable", "words and end of sentence"):
        assert told in page.text
    assert "<b>$autogen" in page.text
    assert "b" not in {tag for tag, _ in page.tags}
    assert not re.search(r"\b(nan|None|inf)\b", page.text)
    assert not re.search(r"(?:src|href|srcset)=\"(?!#|data:image/)", page.text)
    figures = [given["src"] for tag, given in page.tags if tag == "img"]
    assert len(figures) == 5  # the plane, two curves, the posteriors' histograms and their map
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"report.html"}


class Cells(Reader):
    """The cells of a page: by section and column, from top to bottom."""

    def __init__(self, text: str) -> None:
        self.titles: list[str] = []
        self.cells: dict[tuple[str, str], list[str]] = {}
        self.column: str | None = None
        super().__init__(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "h2":
            self.titles.append("")
        if tag in ("td", "th") and "data-column" in dict(attrs):
            self.column = dict(attrs)["data-column"] or ""
            self.cells.setdefault((self.titles[-1], self.column), []).append("")

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        if tag in ("td", "th"):
            self.column = None

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if self.open[-1:] == ["h2"]:
            self.titles[-1] += data
        elif self.column is not None:
            self.cells[self.titles[-1], self.column][-1] += data


@pytest.mark.parametrize("seed", [0, 3])
def test_every_sentence_is_what_its_own_run_writes(home: Path, tmp_path: Path, seed: int) -> None:
    runs = {name: Run.load(home / name) for name in ("vae", "<b>$autogen")}
    how = Sample(temperature=0.8)
    page = Cells(made(home, tmp_path / "r.html", *runs, seed=seed, search=how))
    told = ["Reconstructions", "Sentences from the prior", "From one sentence to another"]
    shown = ["What was measured", "Rate and distortion", "Over training"]
    assert [title for title in page.titles if title in [*shown, *told]] == [*shown, *told]
    texts = [text.strip() for text in page.cells["Reconstructions", "sentence"]]
    (ends,) = re.findall("From “(.+)” to “(.+)”", page.text)
    assert (len(texts), len(set(texts))) == (3, 3)
    assert ends[0] != ends[1]
    for name, run in runs.items():
        written = {
            told[0]: [r.text for r in reconstruct(run, texts, how, False, unknown=False, seed=seed)],
            told[1]: [s.text for s in sample(run, 3, how, unknown=False, seed=seed)],
            told[2]: [s.text for s in interpolate(run, *ends, 4, how, False, unknown=False, seed=seed).steps],
        }
        for title, lines in written.items():
            assert [text.strip() for text in page.cells[title, name]] == list(map(readable, lines)), (title, name)
    for title in told:
        assert page.cells[title, "vae"] != page.cells[title, "<b>$autogen"], title


def judged(home: Path, folder: Path, run: str, **figures: object) -> Evidence:
    """A run with some of its figures replaced."""
    shutil.copytree(home / run, folder / run)
    path = folder / run / "evaluation.json"
    found = json.loads(path.read_bytes())
    found["test"] |= figures
    path.write_text(json.dumps(found))
    return Evidence.of(run, Run.load(folder / run), "test")


def best(block: object, label: str) -> list[bool]:
    """Which runs are marked in a row of a table."""
    assert isinstance(block, Table)
    (row,) = [row for row in block.rows if row[0].value == label]
    return [cell.best for cell in row[1:]]


def test_runs_of_one_event_are_ranked_by_what_bounds_it(home: Path, tmp_path: Path) -> None:
    sampled = {"nll_is_sentences": 9, "nll_is_tokens": 99, "nll_is_marked": False, "active_units": 2}
    sampled["elbo_subset"] = -39
    vae = judged(home, tmp_path, "vae", elbo=-40.0, kl=1.0, nll_is=38.0, **sampled)
    autogen = judged(home, tmp_path, "<b>$autogen", elbo=-41.0, kl=2.0, nll_is=37.0, **sampled)
    (table, sure) = sections.judged([vae, autogen]).blocks
    assert isinstance(sure, Table)
    assert "their ELBO" in [row[0].value for row in sure.rows]
    assert best(table, "ELBO") == [True, False]
    assert best(table, "negative log-likelihood, sampled") == [False, True]
    assert best(table, "KL") == best(table, "active units") == best(table, "objective") == [False, False]


def test_curves_of_different_events_share_no_axis_of_nats(home: Path, tmp_path: Path) -> None:
    def elbos(*runs: Evidence) -> list[Picture]:
        found = [block for block in sections.training(runs).blocks if isinstance(block, Picture)]
        return [picture for picture in found if picture.alt.startswith("ELBO")]

    words = [judged(home, tmp_path, run) for run in ("vae", "<b>$autogen")]
    (one,) = elbos(*words)
    assert "Scored" not in one.caption
    bag = judged(home, tmp_path, "lm")
    bag.run.system.model.event = "bag of words"
    first, second = elbos(words[0], bag, words[1])
    assert first.caption.endswith("Scored: words and end of sentence.")
    assert second.caption.endswith("Scored: bag of words.")
    assert "vae" in first.alt
    assert "$autogen" in first.alt
    assert "lm" not in first.alt
    assert "lm" in second.alt


@pytest.mark.parametrize("change", [{"nll_is_marked": True}, {"samples": 9}, {"nll_is_sentences": 8}])
def test_a_sampled_likelihood_is_ranked_only_where_it_is_sound(home: Path, tmp_path: Path, change: dict) -> None:
    sampled = {"nll_is_sentences": 9, "nll_is_tokens": 99, "nll_is_marked": False}
    vae = judged(home, tmp_path, "vae", nll_is=38.0, elbo=-40.0, **sampled)
    autogen = judged(home, tmp_path, "<b>$autogen", nll_is=37.0, elbo=-41.0, **(sampled | change))
    (table, _) = sections.judged([vae, autogen]).blocks
    assert best(table, "negative log-likelihood, sampled") == [False, False]
    assert best(table, "ELBO") == [True, False]


def test_different_events_are_not_ranked(home: Path, tmp_path: Path) -> None:
    page = made(home, tmp_path / "r.html", "vae", "elsewhere")
    assert "not all ranked against each other, because they differ in" in page
    assert "the corpus" in page
    assert "★" not in page
    assert page.count("<figcaption>Figures</figcaption>") == 2


@pytest.mark.parametrize("change", [{"event": "a bag of words"}, {"sentences": 7}])
def test_figures_of_another_event_or_other_sentences_stand_apart(home: Path, tmp_path: Path, change: dict) -> None:
    runs = [judged(home, tmp_path, "vae", elbo=-40.0), judged(home, tmp_path, "lm", elbo=-30.0, **change)]
    notice, *tables = sections.judged(runs).blocks
    assert isinstance(notice, Notice)
    assert len(tables) == 4


def test_sentences_are_the_first_that_fit(home: Path, tmp_path: Path) -> None:
    from undersong.data import Corpus

    corpus = Corpus.open(home / "corpus-1")
    first = corpus.tokenizer.decode(corpus.test.ids(0).tolist())
    text = Reader(made(home, tmp_path / "r.html", "vae", "lm")).text
    assert first in text


def test_what_was_judged_is_not_judged_again_unless_it_changed(home: Path, tmp_path: Path) -> None:
    for folder, change, kept in (("a", {}, True), ("b", {"step": 1}, False), ("c", {"corpus": "another"}, False)):
        found = judged(home, tmp_path / folder, "vae", elbo=-12345.25, **change).figures
        assert (found["elbo"] == -12345.25) is kept
    (tmp_path / "a" / "vae" / "evaluation.json").write_text("damaged")
    assert Evidence.of("vae", Run.load(tmp_path / "a" / "vae"), "test").figures["sentences"] > 0


def test_a_run_whose_corpus_is_gone_is_told(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(home / "vae", tmp_path / "vae")
    (tmp_path / "vae" / "evaluation.json").unlink()
    config = tmp_path / "vae" / "config.yaml"
    config.write_text(config.read_text().replace("corpus-1", "gone"))
    page = made(tmp_path, tmp_path / "r.html", "vae")
    assert "vae was not judged" in page
    assert "\nvae was not judged: The corpus this run was trained on is not at " in capsys.readouterr().err
    assert "there is nothing to rewrite" in page
    assert "Written from z" in page


def test_the_same_page_twice(home: Path, tmp_path: Path) -> None:
    assert made(home, tmp_path / "a.html", "vae", "lm") == made(home, tmp_path / "b.html", "vae", "lm")


def test_what_cannot_be_is_refused_before_any_work(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="no report of undersong"):
        made(home, tmp_path / "mine.txt", "vae")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    with pytest.raises(UserError, match="at least one"):
        compare([], out=tmp_path / "r.html")
    with pytest.raises(UserError, match="named twice"):
        made(home, tmp_path / "r.html", "vae", "vae")
    with pytest.raises(UserError, match="holds no run"):
        made(home, tmp_path / "r.html", "nothing")
    with pytest.raises(UserError, match="2 or more"):
        made(home, tmp_path / "r.html", "vae", steps=1)
    assert not (tmp_path / "r.html").exists()


def test_names_tell_runs_apart() -> None:
    assert names([Path("x/vae"), Path("x/lm")]) == ["vae", "lm"]
    assert names([Path("a/b/seed-0"), Path("a/c/seed-0")]) == ["b/seed-0", "c/seed-0"]


def test_a_run_without_held_out_sentences_spoils_no_page(home: Path, tmp_path: Path) -> None:
    prepare(str(home / "lines-1.txt"), out=tmp_path / "whole", splits=(1.0, 0.0, 0.0), show_progress=False)
    small = {"sentences": 32, "steps": 2, "quiet": True, "device": "cpu", "threads": 1, "precision": "fp32"}
    train(tmp_path / "whole", out=tmp_path / "bare", model=vae, inference=partial(Amortized, encoder=encoder), **small)
    for runs in ([home / "vae", tmp_path / "bare"], [tmp_path / "bare", home / "vae"], [tmp_path / "bare"]):
        page = compare(runs, out=tmp_path / "r.html", search=Greedy(), sentences=2, samples=2, steps=2, examined=5)
        text = Reader(page.read_text(encoding="utf-8")).text
        assert "bare was not judged: The test split" in text
        shown = len(runs) > 1
        assert ("of the posterior means" in text) is shown
        assert ("Each sentence, and what each run writes" in text) is shown
        assert ("The test split has no sentences" in text) is not shown


def test_figures_of_two_precisions_are_not_ranked_and_it_is_said(home: Path, tmp_path: Path) -> None:
    runs = [judged(home, tmp_path, "vae", elbo=-40.0), judged(home, tmp_path, "lm", elbo=-30.0, precision="bf16")]
    (table, _) = sections.judged(runs).blocks
    assert isinstance(table, Table)
    assert best(table, "ELBO") == [False, False]
    assert any("different precisions, and so not ranked (fp32: vae; bf16: lm)" in note for note in table.notes)


def test_ends_are_said_to_be_counted_only_where_they_are_scored() -> None:
    counted = [meaning for meaning in MEANINGS if "ends" in meaning.detail]
    assert {meaning.key for meaning in counted} == {"ppl_elbo", "ppl_exact", "tokens"}
    assert all("if they are scored" in meaning.detail for meaning in counted)
