"""Files are there whole or not at all."""

import os
from pathlib import Path

import pytest

from undersong.files import held, new_file, read_object, write_atomically


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    write_atomically(out, b"before, and longer")
    with new_file(out) as file:
        file.write(b"after")
        file.flush()
        assert out.read_bytes() == b"before, and longer"
    assert out.read_bytes() == b"after"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_midway_leaves_what_was_there_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    out = tmp_path / "a.json"
    write_atomically(out, b"before")

    def fail() -> None:
        with new_file(out) as file:
            file.write(b"aft")
            raise error

    with pytest.raises(type(error)) as raised:
        fail()
    assert not isinstance(error, OSError) or raised.value.filename == str(out)  # and no name of ours beside it
    assert out.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.json"]


def test_the_content_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a power cut could leave an empty file under a name that promises a whole one."""
    calls: list[str] = []
    flush, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("flush"), flush(file)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("rename"), rename(*names)))
    write_atomically(tmp_path / "a.json", b"whole")
    assert calls == ["flush", "rename", "flush"]  # the file, its name, its folder


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    with held(folder), pytest.raises(BlockingIOError), held(folder):
        pass
    with held(folder):
        assert os.listdir(folder) == []


@pytest.mark.parametrize("content", ["[]", "null", "{", '{"a": 1}', ""])
def test_an_object_that_lacks_a_name_is_no_such_object(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"it lacks b|no JSON object|Expecting"):
        read_object(path, "a", "b")
    path.write_text('{"a": 1, "b": null}')
    assert read_object(path, "a", "b") == {"a": 1, "b": None}
