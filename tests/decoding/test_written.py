"""What is written: from which points on the way, how long it may be, and that no terminal obeys it."""

import numpy as np
import pytest
import torch
from tests.decoding.trained import vae
from torch import Tensor

from undersong.data.batch import EOS
from undersong.decoding import Greedy, encode, interpolate, output, reconstruct
from undersong.decoding.generating import Interpolation, Sentence
from undersong.decoding.rewriting import Rewriting
from undersong.decoding.search import MAX_WORDS


def test_the_way_between_two_sentences_is_even_and_holds_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    run = vae()
    decoder, points = run.system.model.decoder, []
    start = decoder.start

    def watched(z: Tensor) -> object:
        points.append(z)
        return start(z)

    monkeypatch.setattr(decoder, "start", watched)
    interpolate(run, "the old dog", "a cat", 5, Greedy(), max_words=3)
    first, last = encode(run, ["the old dog", "a cat"])
    even = [first + (last - first) * step / 4 for step in range(5)]
    np.testing.assert_allclose(torch.cat(points).numpy(), even, atol=1e-5)


@pytest.mark.parametrize(("words", "most"), [(3, MAX_WORDS), (90, 90)])
def test_a_sentence_may_be_written_as_long_as_it_was(words: int, most: int) -> None:
    """A decoder that never ends of itself fills whatever it is given."""
    run = vae()
    with torch.no_grad():
        run.system.model.decoder.vocabulary.bias[EOS] = -1e6
    (found,) = reconstruct(run, ["the old dog " * (words // 3)], Greedy())
    assert len(run.tokenizer.encode(found.text)) == most


HOSTILE = "\x1b[2J"


@pytest.mark.parametrize(
    "shown",
    [
        output.sentences([Sentence(HOSTILE, -1.0)]),
        output.rewritings([Rewriting(HOSTILE, (), HOSTILE, -1.0)]),
        output.interpolation(Interpolation(HOSTILE, HOSTILE, (), (Sentence(HOSTILE, -1.0),))),
    ],
    ids=["sentences", "rewritings", "interpolation"],
)
def test_a_word_that_clears_a_terminal_is_only_shown(shown: str) -> None:
    assert r"\x1b[2J" in shown
    assert "\x1b" not in shown
