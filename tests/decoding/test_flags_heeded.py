"""What is typed reaches the model: a command writes what the library writes when told the same."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.decoding.trained import SmallRun, vae

from undersong import cli
from undersong.decoding import Sample, commands, impute, interpolate_all, output, reconstruct, sample
from undersong.nets.precision import BF16, set_precision


@pytest.fixture(autouse=True)
def _any_run_is_a_small_vae(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands.Run, "load", staticmethod(lambda path: vae()))


def rounded() -> SmallRun:
    run = vae()
    set_precision(run.system, BF16)
    return run


@pytest.mark.parametrize(
    ("words", "flags", "told", "by_default"),
    [
        (
            ["reconstruct", "r", "a dog", "--search", "sample"],
            ["--seed", "7"],
            lambda: reconstruct(vae(), ["a dog"], Sample(), seed=7),
            lambda: reconstruct(vae(), ["a dog"], Sample()),
        ),
        (
            ["reconstruct", "r", "a dog"],
            ["--precision", "bf16"],
            lambda: reconstruct(rounded(), ["a dog"]),
            lambda: reconstruct(vae(), ["a dog"]),
        ),
        (
            ["impute", "r", "a _ dog"],
            ["--posterior", "sample"],
            lambda: impute(vae(), ["a _ dog"], posterior_mean=False),
            lambda: impute(vae(), ["a _ dog"]),
        ),
        (
            ["interpolate", "r", "a dog", "the cat", "--steps", "2"],
            ["--posterior", "sample"],
            lambda: interpolate_all(vae(), [("a dog", "the cat")], 2, posterior_mean=False),
            lambda: interpolate_all(vae(), [("a dog", "the cat")], 2),
        ),
        (
            ["sample", "r", "--n", "30", "--search", "sample"],
            ["--unknown", "false"],
            lambda: sample(vae(), 30, Sample(), unknown=False),
            lambda: sample(vae(), 30, Sample()),
        ),
    ],
    ids=["seed", "precision", "posterior of impute", "posterior of interpolate", "unknown"],
)
def test_a_flag_is_heeded(
    words: list[str],
    flags: list[str],
    told: Callable[[], Sequence[Any]],
    by_default: Callable[[], Sequence[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def written(*typed: str) -> Any:
        assert cli.main([*typed, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    expected, usual = (json.loads(output.as_json(found())) for found in (told, by_default))
    assert expected != usual
    assert written(*words) == usual
    assert written(*words, *flags) == expected


def test_encode_says_which_words_it_does_not_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["encode", "r", "a zebra", "the gnu", "--out", str(tmp_path / "z.npy")]) == 0
    assert capsys.readouterr().err == "outside the vocabulary, read as <unk>: gnu, zebra\n"
