"""Flags that would not be heeded or cannot be meant are refused; far limits cost nothing; no terminal is commanded."""

import sys
from pathlib import Path

import pytest
from tests.decoding.trained import VOCABULARY, SmallRun, vae
from tests.models.every import system_of

from undersong import cli
from undersong.data.tokens import Tokenizer
from undersong.decoding import Sample, interpolate, sample


def runs(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Any run is an untrained model of this name."""
    tokenizer = Tokenizer.of_words(VOCABULARY)
    run = vae() if name == "VAE" else SmallRun(system_of(name, folder, len(tokenizer)), tokenizer)
    monkeypatch.setattr("undersong.learning.Run.load", staticmethod(lambda path: run))


@pytest.mark.parametrize("name", ["HMM", "PCFG", "MixtureOfUnigrams"])
def test_a_model_that_writes_by_itself_is_told_nothing_that_it_would_not_heed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs(tmp_path, monkeypatch, name)
    typed = (["--unknown", "false"], ["--search", "sample", "--temperature", "0.5"], ["--width", "3"])
    for flags in typed:
        assert cli.main(["sample", "r", *flags]) == 2
        said = capsys.readouterr().err
        assert f"{flags[0]} is for a decoder's words, and a {name} writes by itself" in said
    assert cli.main(["sample", "r", "--n", "2", "--max-words", "5", "--seed", "1", "--json"]) == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--words", "-1"], "words is -1: it must be at least 0"),
        (["--examples", "-1"], "examples is -1: it must be at least 0"),
        (["the dog", "--split", "valid"], "--split is for describing the clusters"),
        (["the dog", "--split", "train"], "--split is for describing the clusters"),
        (["the dog", "--words", "3"], "--words is for describing the clusters"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "said",
)
def test_cluster_refuses_what_it_would_not_heed(
    flags: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs(tmp_path, monkeypatch, "MixtureOfUnigrams")
    assert cli.main(["cluster", "r", *flags]) == 2
    assert said in capsys.readouterr().err


def test_tag_writes_one_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs(tmp_path, monkeypatch, "HMM")
    assert cli.main(["tag", "r", "the dog", "--json", "--conllu"]) == 2
    assert "--json and --conllu are two formats: leave one out." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--length-penalty", "400"], "length_penalty 400.0 is above 10"),
        (["--width", "1000000000"], "would fill the memory"),
        (["--max-words", "10001"], "at most 10,000"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "said",
)
def test_numbers_too_large_are_refused_in_one_sentence(
    flags: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs(tmp_path, monkeypatch, "VAE")
    assert cli.main(["sample", "r", *flags]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_far_limit_on_words_costs_nothing_to_a_sample() -> None:
    far, near = (sample(vae(), 3, Sample(), max_words=limit) for limit in (10**15, 500))
    assert far == near


def test_a_walk_between_long_sentences_is_as_long_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        "undersong.decoding.generating.write", lambda run, z, search, limits, *rest: asked.append(limits)
    )
    long = " ".join(["dog"] * 75)
    for words in ((long, "a dog"), ("a dog", long), ("a dog", "a cat")):
        with pytest.raises(TypeError):  # nothing was written
            interpolate(vae(), *words, steps=2)
    assert asked == [[75, 75], [75, 75], [60, 60]]


@pytest.mark.parametrize("command", [["parse"], ["tag", "--conllu"]], ids=" ".join)
@pytest.mark.parametrize("terminal", [True, False])
def test_words_command_no_terminal_and_are_whole_in_a_file(
    command: list[str],
    terminal: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("HMM",) if command[0] == "tag" else ("DMV", "PCFG"):
        runs(tmp_path, monkeypatch, name)
        with monkeypatch.context() as looked_at:
            looked_at.setattr(sys.stdout, "isatty", lambda: terminal)
            assert cli.main([command[0], "r", "the \x1b dog", *command[1:]]) == 0
        out = capsys.readouterr().out
        assert ("\x1b" in out) == (not terminal)
        assert ("x1b" in out) == terminal
