"""Every corpus has its plane and its posteriors, whoever has no rate is named, and what cannot be drawn is said."""

from pathlib import Path

import numpy as np
import pytest

from undersong.report.drawn import Drawn
from undersong.report.figures import LIGHT
from undersong.report.html import Paragraph
from undersong.reproduce import pictures as module
from undersong.reproduce.measured import Measured
from undersong.reproduce.pictures import ARRAYS, pair, pictures
from undersong.reproduce.plan import Plan, Row


def a_row(name: str, corpus: str = "words", family: str = "DiagonalGaussian", **flags: object) -> Row:
    return Row(name, name.upper(), corpus, {"inference.family": family, **flags}, ("all",), (0,))


ROWS = (
    a_row("dgp-5", rate=5),
    a_row("igp-15", family="IsotropicGaussian", rate=15),
    a_row("dgp-15", rate=15),
    a_row("igp-5", family="IsotropicGaussian", rate=5),
    a_row("autoencoder", family="PointMass"),
    a_row("far-dgp", "far", rate=5),
    a_row("far-igp", "far", "IsotropicGaussian", rate=5),
    a_row("alone", "alone"),
)


def a_plan(rows: tuple[Row, ...] = ROWS) -> Plan:
    return Plan("igp", "t", "small", (), {}, "words", rows, {"all": []}, {}, {"sentences": 50}, 1.0)


def sheet(row: Row, **figures: float) -> dict:
    curve = [{"step": 1, "kl_percent": 1.0, "elbo": -5.0}, {"step": 2, "kl_percent": 2.0, "elbo": -4.0}]
    about = {"corpus": {"hash": row.corpus}, "event": "words and end of sentence", "step": 2}
    return {"row": row.name, "seed": 0, **about, "figures": {"ppl_elbo": 9.0, **figures}, "curve": curve}


def measured(folder: Path, *without: str) -> Measured:
    """All rows measured but some; each run's arrays are there, two sentences only of the far corpus."""
    random, sheets = np.random.default_rng(0), {}
    for number, row in enumerate(ROWS):
        if row.name in without:
            continue
        figures = {"reconstruction": 40.0 - number}
        if row.flags["inference.family"] != "PointMass":
            figures |= {"kl": 5.0 + number, "mutual_information": 4.0, "mutual_information_cap": 7.0}
        sheets[row.name] = [sheet(row, **figures)]
        run = folder / f"{row.name}.seed-0"
        run.mkdir(parents=True)
        count = 2 if row.corpus == "far" else 50
        arrays = {"mean": random.standard_normal((count, 3)), "variance": np.full((count, 3), 0.5)}
        if count > 3:
            arrays |= {"xy": random.standard_normal((50, 2)), "label": np.zeros(50, int), "classes": np.array(["a"])}
        np.savez(run / ARRAYS, **arrays)
    return Measured(sheets, folder)


def test_each_corpus_has_its_figures(tmp_path: Path) -> None:
    found = list(pictures(a_plan(), measured(tmp_path)))
    drawn = {one.name: one for one in found if isinstance(one, Drawn)}
    assert list(drawn) == [
        *("training-kl_percent", "training-elbo"),
        *("rate-distortion", "posterior-histograms", "posterior-tsne"),
        *("rate-distortion-far", "posterior-histograms-far"),
    ]
    assert [one for one in found if isinstance(one, Paragraph)] == [
        Paragraph("No t-SNE of FAR-DGP, FAR-IGP on the test split of far: it needs at least 4 sentences.")
    ]
    for one in drawn.values():
        one.write(tmp_path / "figures")
        assert (tmp_path / "figures" / f"{one.name}.png").stat().st_size < 200_000


def test_who_has_no_rate_is_named(tmp_path: Path) -> None:
    drawn = {one.name: one for one in pictures(a_plan(), measured(tmp_path)) if isinstance(one, Drawn)}
    assert drawn["rate-distortion"].caption.endswith("Without a rate, and so not drawn: AUTOENCODER.")
    assert "mutual information" in drawn["rate-distortion"].caption
    assert "Without a rate" not in drawn["rate-distortion-far"].caption
    far = drawn["rate-distortion-far"].draw(LIGHT)
    assert any(list(line.get_xdata()) == [4.0, 10.0] for line in far.axes[0].lines)  # from the information to the rate


@pytest.mark.parametrize(
    ("without", "names"),
    [((), ["dgp-5", "igp-5"]), (("dgp-5",), ["dgp-15", "igp-15"]), (("dgp-5", "igp-15"), []), (("igp-5",), None)],
)
def test_a_pair_differs_in_its_family_and_in_nothing_else(without: tuple[str, ...], names: list[str] | None) -> None:
    rows = [row for row in ROWS if row.corpus == "words" and row.name not in without]
    assert [row.name for row in pair(rows)] == (["dgp-15", "igp-15"] if names is None else names)


def test_no_line_of_equal_elbo_joins_rows_that_score_different_events(tmp_path: Path) -> None:
    """A bag of words is likelier than the same words in their order, which says nothing of the models."""
    known = measured(tmp_path)
    same = {one.name: one for one in pictures(a_plan(), known) if isinstance(one, Drawn)}["rate-distortion"]
    assert "on a grey line the ELBO is the same" in same.caption
    known.sheets["igp-15"][0]["event"] = "bag of words"
    apart = {one.name: one for one in pictures(a_plan(), known) if isinstance(one, Drawn)}["rate-distortion"]
    assert "grey line" not in apart.caption
    told = "Scored: words and end of sentence by “DGP-5”, “DGP-15”, “IGP-5”; bag of words by “IGP-15”."
    assert told in apart.caption
    lines = [len(one.draw(LIGHT).axes[0].lines) for one in (same, apart)]
    assert lines[0] - lines[1] == 4  # one through each point
    del known.sheets["igp-15"][0]["event"]  # as in folders from before it was kept
    unsure = {one.name: one for one in pictures(a_plan(), known) if isinstance(one, Drawn)}["rate-distortion"]
    assert "may score different events" in unsure.caption


def test_curves_of_different_events_share_no_axis_of_nats(tmp_path: Path) -> None:
    def drawn() -> dict[str, Drawn]:
        return {one.name: one for one in pictures(a_plan(), known) if isinstance(one, Drawn)}

    def legend(one: Drawn) -> list[str]:
        shown = one.draw(LIGHT).axes[0].get_legend()
        assert shown is not None
        return [text.get_text() for text in shown.get_texts()]

    known = measured(tmp_path)
    every = ["DGP-5", "IGP-15", "DGP-15", "IGP-5", "AUTOENCODER"]
    assert legend(drawn()["training-elbo"]) == every
    assert "Scored" not in drawn()["training-elbo"].caption
    known.sheets["igp-15"][0]["event"] = "bag of words"
    apart = drawn()
    assert legend(apart["training-elbo"]) == [every[0], *every[2:]]
    assert legend(apart["training-elbo-2"]) == ["IGP-15"]
    assert "Scored: words and end of sentence; rows" in apart["training-elbo"].caption
    assert "Scored: bag of words; rows" in apart["training-elbo-2"].caption
    assert legend(apart["training-kl_percent"]) == every  # a share has no nats


def test_a_posterior_is_pictured_anew_for_other_sentences_or_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def found(subject: tuple[str, int]) -> dict[str, np.ndarray]:
        asked.append(subject)
        return {"mean": np.zeros((2, 3)), "variance": np.ones((2, 3))}

    class Loaded:
        system = "a system"

        @staticmethod
        def load(path: Path) -> "Loaded":
            return Loaded()

        def corpus(self) -> str:
            return "a corpus"

    monkeypatch.setattr(module, "pictured", found)
    monkeypatch.setattr(module, "Run", Loaded)
    monkeypatch.setattr(module, "Subject", lambda system, corpus, sentences: (corpus, sentences))
    for sentences, step, times in ((50, 2, 1), (50, 2, 1), (60, 2, 2), (60, 3, 3), (60, 3, 3)):
        kept = module._arrays(tmp_path, {"sentences": sentences, "step": step})
        assert kept is not None
        assert sorted(kept) == ["mean", "variance"]
        assert len(asked) == times
