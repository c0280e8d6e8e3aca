"""Sentences side by side are what they are said to be."""

from pathlib import Path

from undersong.decoding import Greedy
from undersong.learning import Run
from undersong.report.evidence import Evidence
from undersong.report.examples import completed, first
from undersong.report.tables import Table


def test_completions_begin_with_what_was_kept_a_quarter_of_the_words(home: Path) -> None:
    runs = [Evidence.of(name, Run.load(home / name), "test") for name in ("vae", "autoencoder", "lm")]
    texts = first(runs, "test", 4)
    (table,) = completed(runs, texts, Greedy(), True, 0).blocks
    assert isinstance(table, Table)
    assert table.columns == ("sentence", "what is kept", "vae", "autoencoder")
    assert [str(row[0].value) for row in table.rows] == list(texts)
    for (_, kept, *written), words in zip(table.rows, texts.values(), strict=True):
        beginning = str(kept.value).split()
        assert beginning == list(words[: len(beginning)])
        assert len(beginning) == max(1, len(words) // 4)
        for cell in written:
            assert str(cell.value).replace(" ", "").startswith("".join(beginning))
    assert "The first 25% of the words are kept" in table.notes[0]
    assert table.notes[1].startswith("lm: no latent vector")
