"""A run's figures are those of its weights: kept while these stay, found anew when it was trained further."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from undersong.reproduce.arrays import arrays, is_kept, keep
from undersong.reproduce.sheet import Sheet, opened

BOUNDS = {"evaluate": {"samples": 2}}


def order(folder: Path, **flags: Any) -> dict[str, Any]:
    figures = str(folder / "vae.seed-0.json")
    return {"figures": figures, "row": "vae", "label": "VAE", "seed": 0, "recipe": {"epochs": 3, **flags}}


def a_run(step: int, *validated: int) -> Any:
    """What a sheet asks of a run whose best weights are those of a step."""
    keys = ("elbo", "kl", "reconstruction", "kl_percent", "active_units")
    lines = [{"kind": "valid", "step": at, **dict.fromkeys(keys, float(at))} for at in validated]
    corpus = SimpleNamespace(hash="h", vocab_size=9, train=[1, 2])
    system = SimpleNamespace(model=SimpleNamespace(event="bag of words"))
    return SimpleNamespace(step=step, system=system, corpus=lambda: corpus, metrics=lambda: lines)


def written(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "vae.seed-0.json").read_text())


def measured(folder: Path) -> None:
    opened(order(folder), a_run(20, 10, 20)).add(BOUNDS, {"kl": 1.0}, {}, 2.0)


def test_nothing_is_measured_or_written_again_of_the_same_run(tmp_path: Path) -> None:
    measured(tmp_path)
    before = (tmp_path / "vae.seed-0.json").stat().st_mtime_ns
    assert not opened(order(tmp_path), a_run(20, 10, 20)).lacks(BOUNDS)
    assert (tmp_path / "vae.seed-0.json").stat().st_mtime_ns == before
    assert written(tmp_path)["event"] == "bag of words"


def test_a_run_trained_further_is_measured_anew(tmp_path: Path) -> None:
    measured(tmp_path)
    sheet = opened(order(tmp_path, epochs=4), a_run(30, 10, 20, 30))
    assert sheet.lacks(BOUNDS)
    found = written(tmp_path)
    assert (found["step"], found["train"]) == (30, {"epochs": 4})
    assert "kl" not in found["figures"]
    assert found["figures"]["valid_elbo"] == 30.0


def test_a_run_whose_best_weights_stayed_keeps_its_figures_and_tells_how_it_went_on(tmp_path: Path) -> None:
    measured(tmp_path)
    assert not opened(order(tmp_path, epochs=4), a_run(20, 10, 20, 30)).lacks(BOUNDS)
    found = written(tmp_path)
    assert (found["step"], found["train"]) == (20, {"epochs": 4})
    assert (found["figures"]["kl"], found["figures"]["valid_elbo"]) == (1.0, 30.0)


def test_a_sheet_of_older_making_is_believed(tmp_path: Path) -> None:
    """It told no event, and at first no step; it is brought up to date and keeps its figures and versions."""
    measured(tmp_path)
    old = {key: value for key, value in written(tmp_path).items() if key not in ("event", "step")}
    old["versions"] = {"torch": "1.0"}
    (tmp_path / "vae.seed-0.json").write_text(json.dumps(old))
    assert not Sheet(order(tmp_path), {"event": "bag of words", "step": 20}).lacks(BOUNDS)
    found = written(tmp_path)
    assert (found["event"], found["step"], found["versions"]) == ("bag of words", 20, {"torch": "1.0"})
    assert found["figures"] == old["figures"]


def test_arrays_are_kept_with_what_they_were_found_with(tmp_path: Path) -> None:
    path, found = tmp_path / "sentences.npz", {"rate": np.arange(3.0)}
    settings: dict[str, Any] = {"subject": {"sentences": 5, "search": None}, "step": 20}
    assert not is_kept(path, settings)
    keep(path, settings, found)
    assert is_kept(path, settings)
    assert not is_kept(path, settings | {"step": 30})
    assert not is_kept(path, settings | {"subject": {"sentences": 6, "search": None}})
    assert list(arrays(path)) == ["rate"]
    np.savez(path, **found)  # as it was written before: without a word
    assert is_kept(path, settings)
