"""Small corpora for the tests of this room, and the real ones where they are at hand."""

import os
from pathlib import Path

import pytest

WORDS = (
    *("the", "a", "dog", "cat", "bird", "sees", "hears", "finds", "small", "large"),
    *("old", "tree", "house", "river", "of", "and", "in", "near", "with", "red"),
)


def sentences(count: int) -> list[str]:
    """Different sentences of 6 words, all of few words: the number of each, scattered, in base 20."""
    base = len(WORDS)
    scattered = [(i * 1_234_567 + 89) % base**5 for i in range(count)]
    return [" ".join(WORDS[j // base**k % base] for k in range(5)) + " ." for j in scattered]


@pytest.fixture
def corpus_file(tmp_path: Path) -> Path:
    """A text file of 1000 sentences."""
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(sentences(1000)) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets; the test is skipped where there is none."""
    places = [os.environ.get("UNDERSONG_DATA"), str(Path(__file__).parents[3] / "shared" / "data")]
    for place in places:
        if place and Path(place).is_dir():
            return Path(place)
    pytest.skip("no real data: set UNDERSONG_DATA to the folder of data sets")
