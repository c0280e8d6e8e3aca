"""Reconstruct, impute, sample, interpolate and encode: in order, keyed, with nothing dropped."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from tests.decoding.trained import VOCABULARY, language_model, vae

from undersong.data.batch import EOS
from undersong.decoding import (
    Beam,
    Greedy,
    Sample,
    cluster,
    encode,
    impute,
    interpolate,
    interpolate_all,
    reconstruct,
    sample,
)
from undersong.decoding.constraint import BLANK
from undersong.decoding.given import read
from undersong.errors import UserError
from undersong.families import LearnedPrior, Mixture

SENTENCES = ["a dog", "the old dog that herds sheep barks .", "cat", "the cat", "a zebra barks"]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several batches even for a few sentences."""
    monkeypatch.setattr("undersong.decoding.latent.ROWS", 4)


def test_rows_are_in_the_order_of_the_input() -> None:
    run = vae()
    together = encode(run, SENTENCES)
    assert together.shape == (5, 3)
    for row, sentence in zip(together, SENTENCES, strict=True):
        np.testing.assert_allclose(row, encode(run, [sentence])[0], atol=1e-5)
    assert len(np.unique(together.round(3), axis=0)) == 5


@pytest.mark.parametrize("search", [Greedy(), Beam(3), Sample()], ids=["greedy", "beam", "sample"])
@pytest.mark.parametrize("use", [reconstruct, impute])
def test_a_result_stands_beside_its_own_sentence(use, search) -> None:
    run = vae()
    found = use(run, SENTENCES, search, max_words=8)
    assert [r.source for r in found][:4] == ["a dog", "the old dog that herds sheep barks.", "cat", "the cat"]
    for place, result in enumerate(found):
        # The noise of a sentence is that of its place, whatever the other sentences are.
        others = ["dog"] * len(SENTENCES)
        others[place] = SENTENCES[place]
        again = use(run, others, search, max_words=8)[place]
        assert again.text == result.text
        assert again.log_prob == pytest.approx(result.log_prob, abs=1e-3)


def test_words_outside_the_vocabulary_are_shown() -> None:
    result = reconstruct(vae(), ["A zebra, a gnu barks"])[0]
    assert result.unknown == ("zebra", ",", "gnu")
    assert result.source == "a <unk:zebra> <unk:,> a <unk:gnu> barks"
    given = impute(vae(), ["the zebra _ dog gnu _"], unknown=True)[0]
    assert re.fullmatch(r"the <unk:zebra> \S+ dog <unk:gnu> \S+", given.text.replace(".", " ."))
    assert impute(vae(), ["the zebra"])[0].text.startswith("the <unk:zebra>")


def test_a_sampled_posterior_follows_the_seed() -> None:
    run, many = vae(), ["the old dog barks"] * 50
    mean = reconstruct(run, many, Greedy())
    assert len({r.text for r in mean}) == 1
    drawn = reconstruct(run, many, Greedy(), posterior_mean=False, seed=1)
    assert len({r.log_prob for r in drawn}) == 50
    assert drawn == reconstruct(run, many, Greedy(), posterior_mean=False, seed=1)
    assert drawn != reconstruct(run, many, Greedy(), posterior_mean=False, seed=2)


def test_blanks_are_single_known_words_and_first_parts_stay() -> None:
    closed, started = impute(vae(), ["the _ dog _ .", "a cat that"], Beam(4), max_words=9)
    words = closed.text.replace(".", " .").split()
    assert (words[0], words[2], words[4], len(words)) == ("the", "dog", ".", 5)
    assert {words[1], words[3]} <= set(VOCABULARY)
    assert started.text.startswith("a cat that")
    only = impute(vae(), ["_ _ _"], Greedy())[0]
    assert len(only.text.replace(".", " .").split()) == 3


def test_what_is_read_of_a_sentence_with_blanks() -> None:
    tokenizer = vae().tokenizer
    source = read(tokenizer, ["_ dog zebra"], blanks=True)[0]
    assert source.ids == [1, tokenizer.vocab["dog"], 1]
    assert source.fixed == [BLANK, tokenizer.vocab["dog"], 1, EOS]
    assert read(tokenizer, ["_ dog"])[0].unknown == ("_",)  # a blank only where blanks are asked for


def test_more_words_than_may_be_written_are_not_given() -> None:
    given = ["the old dog that herds"]
    assert impute(vae(), given, Greedy(), max_words=5)[0].text == given[0]
    with pytest.raises(UserError, match="sentence 1 has 5 words already, and max_words is 4"):
        impute(vae(), given, Greedy(), max_words=4)


def test_interpolation_begins_and_ends_at_its_sentences() -> None:
    run = vae()
    found = interpolate(run, "the old dog", "a zebra barks", 7, Beam(3), max_words=6)
    ends = reconstruct(run, ["the old dog", "a zebra barks"], Beam(3), max_words=6)
    assert len(found.steps) == 7
    assert [found.steps[0].text, found.steps[-1].text] == [e.text for e in ends]
    assert found.unknown == ("zebra",)
    both = interpolate_all(run, [("cat", "a dog"), ("the old dog", "a zebra barks")], 7, Beam(3), max_words=6)
    assert [s.text for s in both[1].steps] == [s.text for s in found.steps]
    with pytest.raises(UserError, match="2 or more"):
        interpolate(run, "a", "dog", steps=1)


def test_samples_come_from_the_models_own_prior() -> None:
    """Two far components: every z lies in one of them, not between, as averaged samples would."""
    run, seen = vae(prior=partial(LearnedPrior, family=partial(Mixture, components=2))), []
    model = run.system.model
    with torch.no_grad():
        model.p_z.params.zero_()
        model.p_z.params[2:5] = 20.0
    start = model.decoder.start
    model.decoder.start = lambda z: seen.append(z) or start(z)
    first = sample(run, 3, Greedy(), max_words=3, seed=4)
    again = sample(run, 400, Greedy(), max_words=3, seed=4)[:3]
    assert [s.text for s in again] == [s.text for s in first]
    centre = torch.cat(seen)[3:].mean(1)  # [400]; 0 and 20 are the components' own
    assert bool(((centre.abs() < 5) | ((centre - 20).abs() < 5)).all())
    assert 0.4 < float((centre > 10).float().mean()) < 0.6


def test_a_language_model_samples_and_imputes_but_has_no_latent_vector() -> None:
    run = language_model()
    assert len({s.text for s in sample(run, 20, Sample(), max_words=6)}) > 5
    assert impute(run, ["a dog"], Beam(2), max_words=4)[0].text.startswith("a dog")
    for use in (lambda: encode(run, ["a"]), lambda: reconstruct(run, ["a"]), lambda: interpolate(run, "a", "dog")):
        with pytest.raises(UserError, match="LanguageModel has no latent vector"):
            use()


def test_nothing_in_nothing_out() -> None:
    run = vae()
    assert encode(run, []).shape == (0, 3)
    assert reconstruct(run, []) == impute(run, []) == sample(run, 0) == interpolate_all(run, []) == []
    with pytest.raises(UserError, match="sentence 2 has no words"):
        reconstruct(run, ["a dog", "  "])
    with pytest.raises(UserError, match="-1 sentences"):
        sample(run, -1)


def test_a_sentence_longer_than_any_seen() -> None:
    run, long = vae(), "the old dog " * 100
    result = reconstruct(run, [long], Greedy())[0]
    assert np.isfinite(result.log_prob)
    assert impute(run, [long], Greedy())[0].text.startswith("the old dog the old dog")


@pytest.mark.parametrize("use", [reconstruct, impute, encode, cluster])
def test_one_text_is_not_a_list_of_letters(use) -> None:
    with pytest.raises(UserError, match="is one text where a list"):
        use(vae(), "the dog")
