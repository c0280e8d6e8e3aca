"""The hash of a split's content tells whatever would be learned differently."""

from pathlib import Path

import numpy as np
import pytest

from undersong.data.writer import SplitWriter


def hashed(folder: Path, words: list[int], lengths: list[int], labels: list[int]) -> str:
    writer = SplitWriter(folder / "split.arrow", 9, labelled=True)
    writer.append(np.array(words), np.array(lengths), np.array(labels))
    return writer.close()


@pytest.mark.parametrize(
    "other",
    [([4, 5, 7], [1, 2], [0, 1]), ([4, 5, 6], [2, 1], [0, 1]), ([4, 5, 6], [1, 2], [1, 1])],
    ids=["words", "lengths", "labels"],
)
def test_other_content_has_another_hash(other: tuple[list[int], list[int], list[int]], tmp_path: Path) -> None:
    one = hashed(tmp_path, [4, 5, 6], [1, 2], [0, 1])
    assert hashed(tmp_path, [4, 5, 6], [1, 2], [0, 1]) == one
    assert hashed(tmp_path, *other) != one
