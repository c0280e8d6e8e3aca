"""Which sentences a report shows: none that any run lacks a word of, at random by the seed, never one many times."""

from dataclasses import replace
from pathlib import Path

import pytest

from undersong.data.tokens import Tokenizer
from undersong.decoding import Greedy, sample
from undersong.learning import Run
from undersong.report.evidence import Evidence
from undersong.report.examples import drawn, first, from_prior
from undersong.report.tables import Cell, Table
from undersong.text import readable


@pytest.fixture
def run(home: Path) -> Evidence:
    return Evidence.of("vae", Run.load(home / "vae"), "test")


def test_a_word_unknown_to_any_run_keeps_a_sentence_out(run: Evidence) -> None:
    known = [word for word in run.run.tokenizer.names[4:] if word != "dog"]
    other = replace(run, name="other", run=replace(run.run, tokenizer=Tokenizer.of_words(known)))
    assert any("dog" in words for words in first([run], "test", 30).values())
    for runs in ([run, other], [other, run], [run, run, other]):
        found = first(runs, "test", 30)
        assert found
        assert not any("dog" in words for words in found.values())


def test_sentences_are_drawn_by_the_seed(run: Evidence) -> None:
    assert drawn([run], "test", 3, seed=1) == drawn([run], "test", 3, seed=1)
    assert len({tuple(drawn([run], "test", 3, seed)) for seed in range(4)}) == 4


def test_a_model_without_z_writes_different_sentences_beside_one_with_it(home: Path, run: Evidence) -> None:
    """A search for the best sentence would find the language model's only one again and again."""
    plain = Evidence.of("lm", Run.load(home / "lm"), "test")
    (table,) = from_prior([run, plain], 10, Greedy(), seed=0).blocks
    assert isinstance(table, Table)
    searched, sampled = zip(*table.rows, strict=True)
    assert list(searched) == [Cell(readable(found.text)) for found in sample(run.run, 10, Greedy(), unknown=False)]
    assert len({cell.value for cell in sampled}) > 5
