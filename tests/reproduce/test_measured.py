"""What was measured is compared over seeds, else over sentences, and never across corpora."""

import json
from pathlib import Path

import numpy as np
import pytest

from undersong.reproduce.measured import SENTENCES, Measured, OtherCorpus
from undersong.reproduce.plan import plan

COUNT = 200


def sheet(row: str, seed: int, corpus: str = "same", **figures: float) -> dict:
    return {"row": row, "seed": seed, "corpus": {"hash": corpus}, "figures": figures, "train": {"model.latent": 8}}


def stored(runs: Path, row: str, **scores: np.ndarray) -> None:
    """The sentences of a run's first seed, as ``judging`` stores them."""
    folder = runs / f"{row}.seed-0"
    folder.mkdir(parents=True)
    with open(folder / SENTENCES, "wb") as file:
        np.savez(file, row=np.arange(COUNT), **scores)


def test_rows_of_two_corpora_are_refused_whatever_the_figure(tmp_path: Path) -> None:
    """Their sentence files may even have the same row numbers: 1,000 judged sentences are rows 0 to 999 of either."""
    for row in "ab":
        stored(tmp_path, row, rate=np.full(COUNT, 5.0 if row == "a" else 1.0))
    for other, refused in (("same", False), ("another", True)):
        sheets = {"a": [sheet("a", 0, rate=5.0)], "b": [sheet("b", 0, other, rate=1.0)]}
        measured = Measured(sheets, tmp_path)
        if refused:
            with pytest.raises(OtherCorpus, match="a and b are of two corpora"):
                measured.compare("a", "b", "rate")
        else:
            found = measured.compare("a", "b", "rate")
            assert found is not None
            assert found.difference == 4.0


def test_one_seed_is_compared_over_its_sentences_and_several_over_seeds(tmp_path: Path) -> None:
    noise = np.random.Generator(np.random.Philox(key=0)).normal(size=COUNT)
    stored(tmp_path, "a", rate=5 + noise, distortion=30 + noise)
    stored(tmp_path, "b", rate=4 + noise, distortion=30 + noise)
    figures = {"rate": 5.0, "distortion": 30.0, "elbo": -35.0, "agreement": 0.5}
    measured = Measured({row: [sheet(row, 0, **figures)] for row in "ab"}, tmp_path)
    rate, elbo = measured.compare("a", "b", "rate"), measured.compare("a", "b", "elbo")
    assert rate is not None
    assert rate.real()
    assert rate.test == f"paired bootstrap over {COUNT} sentences"
    assert elbo is not None  # -(rate + distortion), where only those are stored
    assert elbo.difference == pytest.approx(-1.0)
    assert measured.compare("a", "b", "agreement") is None  # one seed, and no figure of sentences
    assert Measured(measured.sheets).compare("a", "b", "rate") is None  # no sentences at hand
    several = {row: [sheet(row, i, rate=rate + i / 10) for i in range(3)] for row, rate in (("a", 5.0), ("b", 1.0))}
    found = Measured(several, tmp_path).compare("a", "b", "rate")
    assert found is not None
    assert found.test == "Welch's t-test over 3 and 3 seeds"
    found = Measured({"a": several["a"], "b": several["b"][:1]}, tmp_path).compare("a", "b", "rate")
    assert found is not None
    assert found.test == "Student's t-test over 3 and 1 seeds"


def test_a_lucky_first_seed_is_not_taken_for_the_method(tmp_path: Path) -> None:
    """Its sentences would call the difference real; the other two seeds say what such a difference is worth."""
    noise = np.random.Generator(np.random.Philox(key=0)).normal(size=COUNT)
    stored(tmp_path, "lucky", distortion=20 + noise)
    stored(tmp_path, "single", distortion=11 + noise)
    sheets = {
        "lucky": [sheet("lucky", seed, distortion=value) for seed, value in enumerate((20.0, 12.5, 19.5))],
        "single": [sheet("single", 0, distortion=11.0)],
    }
    first = Measured({**sheets, "lucky": sheets["lucky"][:1]}, tmp_path).compare("lucky", "single", "distortion")
    assert first is not None
    assert first.real()
    for pair in (("lucky", "single"), ("single", "lucky")):
        found = Measured(sheets, tmp_path).compare(*pair, "distortion")
        assert found is not None
        assert not found.real()


def test_sizes_go_with_the_seeds_that_have_active_units() -> None:
    measured = Measured({"a": [sheet("a", 0, active_units=3.0), sheet("a", 1)]})
    assert measured.sizes("a") == [8]
    assert measured.sizes("b") == []
    assert measured.corpora("a") == {"same"}


@pytest.mark.parametrize(("paper", "scale"), [("autogen", "quick"), ("autogen", "paper"), ("igp", "small")])
def test_only_runs_of_this_very_recipe_are_reported(tmp_path: Path, paper: str, scale: str) -> None:
    """Rows of one name at another scale, or of another paper, are other models: here 'vae' and 'autoencoder'."""
    small, other = plan("autogen", "small"), plan(paper, scale)
    (tmp_path / "rows").mkdir()
    for row in other.rows:
        text = json.dumps(sheet(row.name, 0, kl=3.0) | {"train": row.flags})
        (tmp_path / "rows" / f"{row.name}.seed-0.json").write_text(text)
    own = Measured.read(tmp_path, other.rows)
    assert own.sheets.keys() == {row.name for row in other.rows}
    assert own.said_left_out() == []
    found = Measured.read(tmp_path, small.rows)
    assert found.sheets == {}
    assert set(found.left_out) == {f"{row.name}.seed-0" for row in other.rows}
    (said,) = found.said_left_out()
    assert "and so left out" in said


@pytest.mark.parametrize("name", ["autogen", "igp", "tutorial"])
def test_the_stored_results_are_those_of_the_recipes(name: str) -> None:
    found = Measured.read(Path(__file__).parents[2] / "results" / f"{name}-small", plan(name, "small").rows)
    assert found.left_out == ()
    assert len(found.sheets) > 10
