"""The commands as a person types them."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.decoding.trained import vae

from undersong import cli
from undersong.decoding import Beam, Greedy, Sample, encode, output
from undersong.decoding.options import Writing
from undersong.errors import UserError


@pytest.fixture(autouse=True)
def _any_run_is_a_small_vae(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undersong.decoding.commands._load", lambda path, precision: vae())


def type_in(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_flags_choose_the_search() -> None:
    assert isinstance(Writing(search="greedy").chosen(), Greedy)
    assert isinstance(Writing().chosen(), Beam)
    beam = Writing(search="beam", width=5, length_penalty=0.6).chosen()
    assert isinstance(beam, Beam)
    assert (beam.width, beam.length_penalty) == (5, 0.6)
    drawn = Writing(search="sample", temperature=0.5, top_k=7, top_p=0.9).chosen()
    assert isinstance(drawn, Sample)
    assert (drawn.temperature, drawn.top_k, drawn.top_p) == (0.5, 7, 0.9)


@pytest.mark.parametrize(
    ("search", "option", "owner"),
    [
        ("beam", {"temperature": 0.5}, "sample"),
        ("beam", {"top_k": 5}, "sample"),
        ("greedy", {"top_p": 0.9}, "sample"),
        ("greedy", {"width": 5}, "beam"),
        ("sample", {"length_penalty": 1.0}, "beam"),
    ],
)
def test_an_option_that_the_search_would_not_heed_is_refused(search, option, owner) -> None:
    (name,) = option
    with pytest.raises(
        UserError, match=f"--{name.replace('_', '-')} is an option of --search {owner}, not of {search}"
    ):
        Writing(search=search, **option).chosen()
    assert Writing(search=owner, **option).chosen() is not None


def test_reconstruct_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reconstruct", "r", "a dog", "a zebra", "--search", "beam", "--width", "3", "--json"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert [row["source"] for row in rows] == ["a dog", "a <unk:zebra>"]
    assert rows[1]["unknown"] == ["zebra"]
    assert "outside the vocabulary, read as <unk>: zebra" in err


@pytest.mark.parametrize("words", [["--file", "-"], []])
def test_sentences_from_standard_input(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, b"\xef\xbb\xbfa dog\r\nthe cat\n")
    assert cli.main(["impute", "r", *words, "--search", "greedy"]) == 0
    assert capsys.readouterr().out.startswith("a dog\n")


def test_reconstruct_writes_no_more_words_than_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    longest = []
    for flags in ([], ["--max-words", "2"]):
        given = ["the old dog that herds"] * 20
        assert cli.main(["reconstruct", "r", *given, "--search", "sample", "--json", *flags]) == 0
        longest.append(max(len(row["text"].split()) for row in json.loads(capsys.readouterr().out)))
    assert longest[0] > longest[1] == 2


def test_sample_and_interpolate(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sample", "r", "--n", "4", "--search", "sample", "--top-k", "3", "--seed", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert cli.main(["interpolate", "r", "a dog", "the cat", "--steps", "5", "--max-words", "4", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)[0]["steps"]) == 5


def test_interpolate_takes_pairs_from_anywhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--steps", "3", "--search", "greedy"]
    pairs = [["a dog", "the cat"], ["the old dog", "a cat"]]
    alone = []
    for pair in pairs:
        assert cli.main(["interpolate", "r", *pair, *flags]) == 0
        alone.append(capsys.readouterr().out)
    assert alone[0].splitlines()[0] == "a dog"
    assert alone[0].splitlines()[-1] == "the cat"
    assert cli.main(["interpolate", "r", *pairs[0], *pairs[1], *flags]) == 0
    assert capsys.readouterr().out == "".join(alone)
    type_in(monkeypatch, b"a dog\nthe cat\nthe old dog\na cat\n")
    assert cli.main(["interpolate", "r", *flags, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [[row["start"], row["end"]] for row in rows] == pairs


def test_encode_samples_by_seed_and_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "z.npy"
    drawn = []
    for seed in ("0", "0", "1"):
        words = ["encode", "r", "a dog", "the cat", "--out", str(out), "--posterior", "sample", "--seed", seed]
        assert cli.main([*words, "--json"]) == 0
        drawn.append(np.load(out))
        said = json.loads(capsys.readouterr().out)
        assert said == {"out": str(out), "sentences": 2, "dimensions": drawn[0].shape[1]}
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).all()
    assert (drawn[0] != encode(vae(), ["a dog", "the cat"])).all()


@pytest.mark.parametrize("ending", ["npy", "parquet"])
def test_encode_keeps_rows_and_lines_in_step(ending: str, tmp_path: Path) -> None:
    lines = ["the cat barks", "a dog", "the old dog that herds"]
    source, out = tmp_path / "in.txt", tmp_path / f"z.{ending}"
    source.write_text("\n".join(lines), encoding="utf-8")
    assert cli.main(["encode", "r", "--file", str(source), "--out", str(out)]) == 0
    if ending == "npy":
        z = np.load(out)
    else:
        table = pq.read_table(out)
        assert table["sentence"].to_pylist() == lines
        z = np.array(table["z"].to_pylist())
    np.testing.assert_allclose(z, encode(vae(), lines), atol=1e-6)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["in.txt", out.name])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["encode", "r", "a", "--out", "z.txt"], "neither in .npy nor in .parquet"),
        (["encode", "r", "a", "--out", "/no/such/folder/z.npy"], "there is no folder /no/such/folder"),
        (["impute", "r", "--file", "/no/such/file"], "cannot be read: No such file"),
        (["impute", "r", "--file", "corpus.csv"], "corpus.csv is a table, and sentences are read here from text"),
        (["encode", "r", "--out", "z.npy", "--file", "gold.conllu"], "gold.conllu is a treebank, and sentences are"),
        (["impute", "r", "a", "--file", "-"], "both as arguments and in a file"),
        (["reconstruct", "r", "a", "--width", "0"], "holds nothing"),
        (["sample", "r", "--max-words", "0"], "a sentence has 1 or more"),
        (["sample", "r", "--n", "0"], "n is 0: it must be at least 1"),
        (["impute", "r", "a", "the old _", "--max-words", "2"], "sentence 2 has 3 words already, and max_words is 2"),
        (["sample", "r", "--search", "sample", "--top-p", "2"], "not a share"),
        (["interpolate", "r", "a", "dog", "cat"], "takes pairs, a start and an end each"),
    ],
)
def test_bad_input_is_said_in_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a dog\n\xff\xfe\n", "line 2 of standard input is not UTF-8"),
        (b"a dog\n\nthe cat\n", "line 2 of standard input is empty"),
        (b"", "standard input is empty"),
    ],
)
def test_bad_lines_are_named(
    data: bytes, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, data)
    assert cli.main(["impute", "r"]) == 2
    assert said in capsys.readouterr().err


def test_nothing_commands_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a \x1b[31m\u202e\x9b dog"
    for flags in ([], ["--json"]):
        assert cli.main(["reconstruct", "r", hostile, "--search", "greedy", *flags]) == 0
        out, err = capsys.readouterr()
        assert not {"\x1b", "\u202e", "\x9b"} & set(out + err)
    assert json.loads(output.as_json(output_rows := [])) == output_rows


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "z.npy"
    out.write_bytes(b"before")

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert cli.main(["encode", "r", "a", "--out", str(out)]) == 2
    assert out.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["z.npy"]
