"""A folder appears whole or not at all, and what it replaces is there until then."""

from pathlib import Path

import pytest

from undersong.data.output import new_folder
from undersong.errors import UserError


def write(out: Path, content: str, force: bool = True) -> None:
    with new_folder(out, force, "mark", ["mark"]) as work:
        (work / "mark").write_text(content)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError])
@pytest.mark.parametrize("last", [1, 2])
def test_the_old_folder_survives_whatever_interrupts_the_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], last: int
) -> None:
    write(tmp_path / "out", "old")
    rename, calls = Path.rename, []

    def interrupted(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == last:
            raise error
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", interrupted)
        with pytest.raises(error):
            write(tmp_path / "out", "new")
    assert (tmp_path / "out" / "mark").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    write(tmp_path / "out", "new")
    assert (tmp_path / "out" / "mark").read_text() == "new"


def test_a_folder_that_another_process_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def both() -> None:
        with new_folder(tmp_path / "out", False, "mark", ["mark"]):
            write(tmp_path / "out", "theirs")

    with pytest.raises(UserError, match="exists"):
        both()
    assert (tmp_path / "out" / "mark").read_text() == "theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_what_a_link_leads_to_is_replaced_and_not_the_link(tmp_path: Path) -> None:
    write(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "mark").read_text() == "new"
