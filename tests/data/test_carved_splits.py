"""A split that a source lacks is taken from its training lines, in the proportion of the shares of those two."""

from itertools import combinations
from pathlib import Path

import pytest
from tests.data.conftest import sentences
from tests.data.stored import texts

from undersong.data.prepare import prepare
from undersong.data.store import SPLITS
from undersong.errors import UserError

NAMED = [names for size in range(4) for names in combinations(SPLITS, size)]


def test_the_share_of_a_split_that_is_there_counts_for_nothing(tmp_path: Path) -> None:
    """Of 900 lines a third is for the test: a quarter beside a half."""
    source, lines = tmp_path / "source", sentences(950)
    source.mkdir()
    (source / "train.txt").write_text("\n".join(lines[:900]))
    (source / "valid.txt").write_text("\n".join(lines[900:]))
    made = prepare(str(source), out=tmp_path / "out", splits=(0.5, 0.25, 0.25), show_progress=False)
    assert len(made.valid) == 50
    assert len(made.train) + len(made.test) == 900
    assert 250 < len(made.test) < 350


@pytest.mark.parametrize("named", NAMED, ids=lambda names: "+".join(names) or "none")
def test_rows_that_say_nothing_are_of_train_and_make_up_for_what_no_row_names(
    named: tuple[str, ...], tmp_path: Path
) -> None:
    lines = sentences(600)
    said = {line: name for name, line in zip(named * 20, lines, strict=False)}
    (tmp_path / "a.csv").write_text("\n".join(["text,split", *(f"{line},{said.get(line, '')}" for line in lines)]))
    made = prepare(
        str(tmp_path / "a.csv"), out=tmp_path / "out", split_column="split", splits=(0.5, 0.2, 0.3), show_progress=False
    )
    found = {line: name for name, split in zip(SPLITS, texts(made), strict=True) for line in split}
    assert set(found) == set(lines)
    assert all(found[line] == name for line, name in said.items() if name != "train")
    shares = {"train": 0.5, "valid": 0.2, "test": 0.3}
    shared = {name: share for name, share in shares.items() if name == "train" or name not in named}
    rest = [line for line in lines if said.get(line, "train") == "train"]
    for name in SPLITS:
        wanted = shared.get(name, 0) / sum(shared.values())
        assert sum(found[line] == name for line in rest) / len(rest) == pytest.approx(wanted, abs=0.08 * (wanted < 1))
    assert made.info["given_splits"] == list(named)


@pytest.mark.parametrize("folders", [False, True], ids=["files", "folders"])
@pytest.mark.parametrize("named", NAMED[1:], ids="+".join)
def test_files_named_after_splits_stay_these_and_train_makes_up_for_the_others(
    folders: bool, named: tuple[str, ...], tmp_path: Path
) -> None:
    lines = sentences(300)
    parts = {name: lines[i::3] for i, name in enumerate(SPLITS) if name in named}
    for name, part in parts.items():
        path = tmp_path / "in" / (f"{name}/a.txt" if folders else f"{name}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(part))
    if "train" not in named:
        with pytest.raises(UserError, match="No training sentence"):
            prepare(str(tmp_path / "in"), out=tmp_path / "out", show_progress=False)
        return
    made = prepare(str(tmp_path / "in"), out=tmp_path / "out", splits=(0.5, 0.2, 0.3), show_progress=False)
    found = dict(zip(SPLITS, texts(made), strict=True))
    assert all(found[name] == parts[name] for name in named if name != "train")
    carved = {"train", *SPLITS} - (set(named) - {"train"})
    assert sorted(line for name in carved for line in found[name]) == sorted(parts["train"])
    assert all(found[name] for name in SPLITS)
