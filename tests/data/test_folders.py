"""Folders as sources: which of their files are read, in what order, and which splits they are."""

import gzip
import json
import os
from pathlib import Path

import pytest
from tests.data.stored import LINES, table, texts, whole
from tests.learning.small import learn

from undersong.data.prepare import prepare
from undersong.errors import UserError


def test_a_folder_is_read_in_order_and_other_files_counted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "b").mkdir(parents=True)
    (folder / "a.txt").write_text("\n".join(LINES[:20]))
    (folder / "b" / "c.txt.gz").write_bytes(gzip.compress("\n".join(LINES[20:40]).encode()))
    (folder / "z.jsonl").write_text("\n".join(json.dumps({"text": line}) for line in LINES[40:]))
    (folder / "notes.pdf").write_bytes(b"%PDF")
    (folder / ".hidden.txt").write_text("not to be read at all by us")
    corpus = whole(folder, tmp_path)
    assert texts(corpus)[0] == LINES
    assert corpus.info["skipped"] == {"file of unknown kind": 1}


@pytest.mark.parametrize("kind", ["txt", "jsonl"])
def test_a_corpus_prepared_inside_its_source_is_no_part_of_it(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    text = table("jsonl").decode() if kind == "jsonl" else "\n".join(LINES)
    (folder / f"a.{kind}").write_text(text)
    first = prepare(str(folder), out=folder / "prepared", show_progress=False)
    again = prepare(str(folder), out=folder / "deep" / "again", show_progress=False)
    third = prepare(str(folder), out=folder / "prepared", force=True, show_progress=False)
    assert first.hash == again.hash == third.hash
    assert third.info["skipped"] == {}


@pytest.mark.parametrize("kind", ["txt", "jsonl"])
def test_runs_and_reports_inside_a_source_are_no_part_of_it(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / f"a.{kind}").write_text(table("jsonl").decode() if kind == "jsonl" else "\n".join(LINES))
    first = prepare(str(folder), out=tmp_path / "first", show_progress=False)
    run = learn(first.folder, folder / "runs" / "seed-0", steps=1)
    (folder / "report.html").write_text("<p>a report of it</p>")
    again = prepare(str(folder), out=tmp_path / "again", show_progress=False)
    assert again.hash == first.hash
    assert again.info["skipped"] == {"file of unknown kind": 1}  # the report
    with pytest.raises(UserError, match=r"seed-0 is a trained run: prepare the text"):
        prepare(str(run.path), out=tmp_path / "third", show_progress=False)


def test_splits_of_a_folder_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    given = LINES[:40], LINES[40:50], LINES[50:]
    for name, lines in zip(("train-00.txt", "dev.txt.gz", "test.txt"), given, strict=True):
        data = "\n".join(lines).encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    corpus = prepare(str(folder), out=tmp_path / "out")
    assert texts(corpus)[0] == LINES[:40]
    assert [len(s) for s in texts(corpus)] == [40, 10, 10]
    assert corpus.info["given_splits"] == ["train", "valid", "test"]
    assert not {word for line in LINES[40:] for word in line.split() if word[1:].isdigit()} & set(
        corpus.tokenizer.names
    )
    (folder / "extra.txt").write_text("x")
    with pytest.raises(UserError, match=r"extra\.txt is none of train, valid, test"):
        prepare(str(folder), out=tmp_path / "two")


def test_splits_may_be_folders_and_links_to_folders_are_followed(tmp_path: Path) -> None:
    given = {"train": LINES[:40], "valid": LINES[40:50], "test": LINES[50:]}
    for name, lines in given.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "part.txt").write_text("\n".join(lines))
    one = texts(prepare(str(tmp_path / "in"), out=tmp_path / "one"))
    assert one[0] == given["train"]
    assert list(map(len, one)) == [40, 10, 10]
    (tmp_path / "in" / "test").rename(tmp_path / "elsewhere")
    (tmp_path / "in" / "test").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(tmp_path / "in")  # each folder is read once
    assert texts(prepare(str(tmp_path / "in"), out=tmp_path / "two")) == one


def test_a_folder_that_cannot_be_read_is_an_error_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in" / "closed").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("\n".join(LINES))
    scanned = os.scandir

    def refused(place: str) -> object:  # root may read every folder
        if str(place).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(place))
        return scanned(place)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(UserError, match=r"Cannot read .*closed: Permission denied"):
        prepare(str(tmp_path / "in"), out=tmp_path / "out")


def test_a_folder_without_corpus(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="holds no corpus"):
        whole(tmp_path / "in", tmp_path)
