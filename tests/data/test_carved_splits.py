"""A split that a source lacks is taken from its training lines, in the proportion of the shares of those two."""

from pathlib import Path

from tests.data.conftest import sentences

from undersong.data.prepare import prepare


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
