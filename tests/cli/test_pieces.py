"""A corpus of byte pairs from the command line, from preparing it to sentences with blanks."""

import json
import re
from pathlib import Path

import pytest

from undersong.cli import main
from undersong.data.words import words

ANIMALS = ["dog", "cat", "sheep", "héron", "ox"]
LINES = [
    f"the {kind} {a} doesn't see {b}-{a} , nor the {a} that herds {b}"
    for kind in ("old", "older", "oldest")
    for a in ANIMALS
    for b in ANIMALS
]
SHORT = ["--epochs", "2", "--quiet", "true", "--device", "cpu", "--precision", "fp32", "--threads", "1"]
SMALL = ["--model.latent", "4", "--model.decoder.hidden", "24", "--inference.encoder.hidden", "24"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "lines.txt").write_text("\n".join(LINES))
    prepared = ["prepare", str(folder / "lines.txt"), "--out", str(folder / "corpus"), "--bpe", "--vocabulary", "290"]
    assert main(prepared) == 0
    assert main(["train", str(folder / "corpus"), "--out", str(folder / "run"), *SMALL, *SHORT]) == 0
    return folder


def said(capsys: pytest.CaptureFixture[str], *command: str) -> list | dict:
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_figures_are_those_of_its_pieces(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = said(capsys, "evaluate", str(folder / "run"), "--samples", "5")
    assert figures["tokens"] > figures["sentences"] * len(words(LINES[0]))
    assert figures["elbo"] < 0


@pytest.mark.parametrize("search", ["greedy", "beam", "sample"])
def test_a_blank_is_one_word(folder: Path, capsys: pytest.CaptureFixture[str], search: str) -> None:
    given = ["The _ dog doesn't _ .", "_", "the older héron _", "_ _ zebra"] * 5
    found = said(capsys, "impute", str(folder / "run"), *given, "--search", search)
    for text, result in zip(given, found, strict=True):
        pattern = [re.escape(w) if w != "_" else r"\S+" for w in words(text)]
        written = words(result["text"])
        assert len(written) == len(pattern)
        assert all(re.fullmatch(p, w) and w == w.lower() for p, w in zip(pattern, written, strict=True))


@pytest.mark.parametrize("search", ["greedy", "beam", "sample"])
def test_the_last_word_given_stays_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str], search: str) -> None:
    given = ["the old", "the old dog do", "the old sheep does"] * 5
    for text, result in zip(
        given, said(capsys, "impute", str(folder / "run"), *given, "--search", search), strict=True
    ):
        assert words(result["text"])[: len(words(text))] == words(text)


def test_every_text_is_read_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = said(capsys, "reconstruct", str(folder / "run"), "Ein völlig fremder Text: 漢字!")
    assert found["source"] == "ein völlig fremder text: 漢字!"
    assert found["unknown"] == []
