"""Data sets of the hub: saved to disk, and named with their configuration."""

from pathlib import Path

import pytest
from tests.data.stored import LINES, labels, texts, whole

from undersong.data.prepare import prepare
from undersong.errors import UserError


def test_hub_data_set_saved_to_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    kind = datasets.ClassLabel(names=["zebra", "ant"])
    features = datasets.Features({"text": datasets.Value("string"), "label": kind})

    def part(lines: list[str]) -> object:
        return datasets.Dataset.from_dict({"text": lines, "label": [len(x) % 2 for x in lines]}, features=features)

    given = {"train": LINES[:40], "validation": LINES[40:50], "test": LINES[50:], "unsupervised": LINES[:5]}
    datasets.DatasetDict({name: part(lines) for name, lines in given.items()}).save_to_disk(tmp_path / "saved")
    corpus = prepare(f"hf:{tmp_path / 'saved'}", out=tmp_path / "out", label_column="label")
    assert [len(split) for split in texts(corpus)] == [40, 10, 10]
    assert texts(corpus)[0] == LINES[:40]
    assert corpus.label_names == ["zebra", "ant"]
    assert labels(corpus) == [["zebra", "ant"][len(line) % 2] for line in LINES[:40]]
    assert corpus.info["skipped"] == {"split 'unsupervised'": 5}
    one = whole(f"hf:{tmp_path / 'saved'}:test", tmp_path)
    assert texts(one)[0] == LINES[50:]
    with pytest.raises(UserError, match="no split 'dev'"):
        whole(f"hf:{tmp_path / 'saved'}:dev", tmp_path)
    with pytest.raises(UserError, match="no column 'nope'"):
        whole(f"hf:{tmp_path / 'saved'}", tmp_path, text_column="nope")


def test_a_saved_data_set_that_is_damaged_or_has_no_splits_is_refused_clearly(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    lone = datasets.Dataset.from_dict({"text": LINES})
    lone.save_to_disk(tmp_path / "lone")
    with pytest.raises(UserError, match="no split 'text', but none at all"):
        whole(f"hf:{tmp_path / 'lone'}:text", tmp_path)
    datasets.DatasetDict({"train": lone}).save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / "dataset_dict.json").write_text("{}")
    with pytest.raises(UserError, match="Cannot read the data set hf:"):
        whole(f"hf:{tmp_path / 'saved'}", tmp_path)


def test_a_configuration_on_the_hub_is_the_third_part_of_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets, asked = pytest.importorskip("datasets"), []

    def loaded(*names: str, split: str | None) -> object:
        asked.append((*names, split))
        return datasets.Dataset.from_dict({"text": LINES})

    monkeypatch.setattr(datasets, "load_dataset", loaded)
    for number, name in enumerate(("cam-cst/cbt/raw", "stanfordnlp/snli", "one/two/three:train")):
        assert sum(map(len, texts(whole(f"hf:{name}", tmp_path / str(number))))) == len(LINES)
    assert asked == [("cam-cst/cbt", "raw", None), ("stanfordnlp/snli", None), ("one/two", "three", "train")]
