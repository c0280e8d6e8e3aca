"""A place that cannot be is refused by what stands there."""

import os
from pathlib import Path

import pytest
from tests.learning.small import make_corpus

from undersong.cli import main
from undersong.data.prepare import prepare
from undersong.errors import UserError


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    return str(make_corpus(tmp_path / "corpus"))


def test_a_file_where_a_folder_is_needed(corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, link = tmp_path / "file.txt", tmp_path / "link"
    file.write_text("a b c d e f\n")
    link.symlink_to(tmp_path / "nowhere")
    short = ["--steps", "1", "--device", "cpu", "--threads", "1", "--precision", "fp32", "--quiet", "true"]
    for command, said in (
        (["train", corpus, "--out", str(file / "run"), *short], f"{file} is a file, where a folder is needed"),
        (["train", corpus, "--out", str(link), *short], f"{link} is a link that leads nowhere"),
        (["prepare", str(file), "--out", str(file / "corpus")], f"{file} is a file, where a folder is needed"),
        (["doctor", str(file)], f"{file} holds no run"),
        (["evaluate", str(file)], f"{file} holds no run"),
        (["prepare", corpus, "--out", str(tmp_path / "again")], f"{corpus} is a prepared corpus already"),
        (["prepare", "/dev/null", "--out", str(tmp_path / "again")], "/dev/null is no regular file"),
        (["prepare", "-", "--out", str(tmp_path / "again")], "- is no regular file"),
    ):
        assert main(command) == 2
        assert said in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["corpus", "file.txt", "link"]


def test_a_name_that_is_no_text_is_refused_by_whoever_would_write_it_down(
    corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder named in Latin-1 on an old disk: nothing is begun that could not be written down."""
    old = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        old.mkdir()
    except OSError:
        pytest.skip("this file system takes no such name")
    (old / "a.txt").write_text("the cat sat down there\n" * 9)
    short = ["--steps", "1", "--device", "cpu", "--threads", "1", "--precision", "fp32", "--quiet", "true"]
    monkeypatch.chdir(old)
    for command in (
        ["prepare", str(old / "a.txt"), "--out", str(tmp_path / "new")],
        ["tag", str(old / "run"), "a"],
        ["train", corpus, "--out", "run", *short],
    ):
        assert main(command) == 2
        assert "is not UTF-8 text: convert it, or rename the file or folder." in capsys.readouterr().err
    with pytest.raises(UserError, match="is not UTF-8"):
        prepare(str(old / "a.txt"), out=tmp_path / "new")
    assert sorted(p.name for p in (*tmp_path.iterdir(), *old.iterdir())) == ["a.txt", old.name, "corpus"]
