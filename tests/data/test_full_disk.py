"""A disk that is full, wherever it happens, is one clear sentence and leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.data.conftest import sentences

PROGRAM = """
import resource, sys
from undersong.cli import main
for limit in {limits}:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))  # bytes that any file may have
    print(main(["prepare", "corpus.txt", "--out", "out", *{flags}]))
"""


@pytest.mark.parametrize("flags", [[], ["--bpe", "--vocabulary", "400"]], ids=["words", "byte pairs"])
def test_a_full_disk_is_said_in_a_sentence(flags: list[str], tmp_path: Path) -> None:
    """In turn ``tokenizer.json``, the words of a split and its Arrow file are what does not fit; then all do."""
    (tmp_path / "corpus.txt").write_text("\n".join(sentences(6000)) + "\n", encoding="utf-8")
    program = PROGRAM.format(limits=[20_000, 50_000, 90_000, 200_000], flags=flags)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "2", "2", "0"]
    *full, written = done.stderr.splitlines()
    assert [line.split(".")[0] for line in full] == [
        "undersong prepare: The disk is full: out was not written, and nothing is left behind"
    ] * 3
    assert "train" in written
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.txt", "out"]
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert 20_000 < sizes["tokenizer.json"] < 50_000
    assert 90_000 < sizes["train.arrow"] < 200_000


def test_what_a_full_disk_leaves_is_nothing(tmp_path: Path) -> None:
    """A folder that was not written is not there under any name, even where there was none to begin with."""
    (tmp_path / "corpus.txt").write_text("\n".join(sentences(200)) + "\n", encoding="utf-8")
    program = PROGRAM.format(limits=[1000], flags=[])
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]
