"""Which sentences a report shows: none that any run lacks a word of, at random by the seed, never one many times."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.report.test_compare import made

from undersong.data.prepare import prepare
from undersong.data.tokens import Tokenizer
from undersong.decoding import Greedy, sample
from undersong.learning import Run
from undersong.report import examples
from undersong.report.evidence import Evidence
from undersong.report.examples import completed, drawn, first, from_prior, rewritten, why_none
from undersong.report.html import Paragraph
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


def test_why_there_is_no_sentence_is_said_and_nothing_where_none_was_wanted(
    home: Path, tmp_path: Path, run: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No corpus of these runs" in why_none([replace(run, corpus=None)], "test")
    empty: Any = SimpleNamespace(valid=[])
    assert why_none([replace(run, corpus=empty)], "valid").startswith("The valid split has no sentences")
    monkeypatch.setattr(examples, "SHORTEST", 100)
    assert first([run], "test", 3) == {}
    assert why_none([run], "test").startswith("No sentence of the test split has 100 to 20 words")
    assert rewritten([run], [], Greedy(), True, 0).blocks == ()
    assert rewritten([run], [], Greedy(), True, 0, "Why.").blocks == (Paragraph("Why."),)
    assert "to rewrite" not in made(home, tmp_path / "r.html", "vae", sentences=0)


def test_the_words_of_a_cased_vocabulary_keep_their_case(tmp_path: Path) -> None:
    lines = [f"The Old {dog} Barks at {cat}" for dog in ("Dog", "Fox", "Ox") for cat in ("Cats", "Cows", "Us", "Me")]
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    settings = {"bpe": True, "lowercase": False, "vocabulary": 300, "splits": (0.5, 0.0, 0.5)}
    corpus = prepare(str(tmp_path / "lines.txt"), out=tmp_path / "corpus", show_progress=False, **settings)
    read: Any = SimpleNamespace(tokenizer=corpus.tokenizer)
    cased = Evidence("cased", read, [], {}, None, [], corpus)
    found = first([cased], "test", 3)
    assert [" ".join(words) for words in found.values()] == list(found)
    assert all(words[:2] == ["The", "Old"] for words in found.values())


def test_a_beginning_with_the_mark_of_a_blank_is_not_completed(run: Evidence) -> None:
    texts = {"_ a dog barks": ["_", "a", "dog", "barks"], "a dog barks _": ["a", "dog", "barks", "_"]}
    (table,) = completed([run], texts, Greedy(), True, 0).blocks
    assert isinstance(table, Table)
    assert [str(row[0].value) for row in table.rows] == ["a dog barks _"]
