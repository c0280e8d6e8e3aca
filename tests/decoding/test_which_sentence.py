"""What tag and parse say of sentences of one word, of none, and of impossible ones, wherever they stand."""

from pathlib import Path

import pytest
import torch
from tests.decoding.trained import VOCABULARY, SmallRun
from tests.models.every import system_of

from undersong.data.batch import UNK
from undersong.data.corpora.annotated import Sentence
from undersong.data.tokens import Tokenizer
from undersong.decoding import parse, tag
from undersong.errors import UserError

ONE, LONG, NONE, NEVER = (Sentence(tuple(words.split())) for words in ("dog", "the dog barks", "", "the zorbl dog"))


def small(name: str, folder: Path) -> SmallRun:
    tokenizer = Tokenizer.of_words(VOCABULARY)
    return SmallRun(system_of(name, folder, len(tokenizer)), tokenizer)


def unsmoothed(folder: Path) -> SmallRun:
    """A grammar that never saw the unknown word."""
    run = small("PCFG", folder)
    with torch.no_grad():
        run.system.model.emission.logits[:, UNK] = -torch.inf
    return run


def test_an_impossible_sentence_is_named_by_its_own_place(tmp_path: Path) -> None:
    run = unsmoothed(tmp_path)
    with pytest.raises(UserError, match="sentence 3 has probability 0"):
        parse(run, [ONE, LONG, NEVER])


@pytest.mark.parametrize("name", ["PCFG", "DMV"])
def test_a_sentence_without_words_is_refused_among_others_too(name: str, tmp_path: Path) -> None:
    run = small(name, tmp_path)
    for sentences, place in (([LONG, NONE], 2), ([NONE], 1), ([ONE, LONG, NONE], 3)):
        with pytest.raises(UserError, match=f"sentence {place} has no words"):
            parse(run, sentences)


def test_a_sentence_of_one_word_has_its_one_tree_alone_and_beside_longer_ones(tmp_path: Path) -> None:
    for run, tree in ((unsmoothed(tmp_path), {"spans": ()}), (small("DMV", tmp_path), {"heads": (0,)})):
        for sentences in ([ONE], [ONE, ONE], [LONG, ONE]):
            assert parse(run, sentences)[-1] == Sentence(("dog",), **tree)
        assert parse(run, []) == []


def test_a_model_without_trees_says_so_of_one_word_too(tmp_path: Path) -> None:
    run = small("HMM", tmp_path)
    with pytest.raises(UserError, match="knows no trees"):
        parse(run, [ONE])
    assert len(tag(run, [ONE])[0].tags or ()) == 1
