"""Blanks and given words where the vocabulary is of pieces: each is exactly one word, however many pieces it takes."""

from dataclasses import dataclass

import pytest
import torch
from tests.decoding.decoders import TableDecoder, log_probs

from undersong.data.batch import EOS, SPECIAL
from undersong.data.words import WORD
from undersong.decoding import Beam, Greedy, Sample
from undersong.decoding.constraint import BLANK, FREE
from undersong.decoding.spelling import Spelling

# Of these, ids 4 to 11 by name: the space alone, two openings, one of them a capital, a whole other character, ...
TEXTS = [*SPECIAL, " ", " a", " A", " .", "b", "'", ".", "\ufffd"]
PIECES = range(len(SPECIAL), len(TEXTS))


@dataclass
class Pieces:
    """As much of a byte-pair tokenizer as spelling asks for."""

    lowercase: bool = True

    def __len__(self) -> int:
        return len(TEXTS)

    def tokens(self, ids) -> list[str]:
        return [TEXTS[i] for i in ids]


def words_of(pieces: list[int]) -> list[list[int]]:
    """Pieces cut before each that begins a word."""
    words: list[list[int]] = []
    for piece in pieces:
        if TEXTS[piece].startswith(" ") or not words:
            words.append([])
        words[-1].append(piece)
    return words


def fits(pieces: list[int], elements: list[int | list[int]], lowercase: bool) -> bool:
    """Whether a sentence is what was given: a list is a word's pieces, then a blank is any one word."""
    words = words_of(pieces)
    if len(words) != len(elements):
        return False
    for word, element in zip(words, elements, strict=True):
        text = "".join(TEXTS[i] for i in word)
        one = text.startswith(" ") and WORD.fullmatch(text[1:]) and "\ufffd" not in text
        if word != element if isinstance(element, list) else not one or (lowercase and text != text.lower()):
            return False
    return True


def every(length: int) -> list[list[int]]:
    """All sequences of pieces up to a length."""
    found, last = [], [[]]
    for _ in range(length):
        last = [[*s, i] for s in last for i in PIECES]
        found += last
    return found


CASES = [
    ([BLANK], [BLANK]),
    ([5, BLANK], [[5], BLANK]),
    ([BLANK, 5, 8], [BLANK, [5, 8]]),
    ([BLANK, BLANK], [BLANK, BLANK]),
    ([7, BLANK, 5], [[7], BLANK, [5]]),
]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize(("given", "elements"), CASES, ids=str)
def test_a_wide_beam_finds_the_best_of_all_that_fit(given, elements, lowercase: bool) -> None:
    decoder, z = TableDecoder(len(TEXTS), 2, 3), torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    limit = 5
    options = [s for s in every(limit) if fits(s, elements, lowercase)]
    assert 1 < len(options) < 30_000
    spelling = Spelling.of(Pieces(lowercase))
    fixed = torch.tensor([[*given, EOS]]).expand(6, -1)
    found = Beam(4000)(decoder, z, limit, fixed, spelling=spelling)
    for hypothesis, one in zip(found, z, strict=True):
        log_p = log_probs(decoder, one, options)
        assert hypothesis.words == options[int(log_p.argmax())]
        assert hypothesis.log_prob == pytest.approx(float(log_p.max()), abs=1e-9)


SEARCHES = {
    "greedy": Greedy(),
    "beam of one": Beam(1),
    "beam": Beam(3),
    "sample": Sample(),
    "sharpened": Sample(0.7, 3, 0.9),
}


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("limit", [1, 4, 9])
def test_whatever_is_tight_every_blank_is_one_word(search, limit: int) -> None:
    """Even with a limit that leaves two pieces a blank, and a decoder that would never end one."""
    decoder, z = TableDecoder(len(TEXTS), 2, 5), torch.randn(120, 2, generator=torch.Generator().manual_seed(1))
    decoder.table[:, 8] += 3  # one more letter
    spelling = Spelling.of(Pieces())
    for given, elements in CASES:
        fixed = torch.tensor([[*given, EOS]]).expand(120, -1)
        found = search(decoder, z, limit, fixed, spelling=spelling)
        assert all(fits(h.words, elements, True) for h in found)
        assert max(len(h.words) for h in found) <= max(limit, len(given) + given.count(BLANK))


@pytest.mark.parametrize("search", [Greedy(), Beam(3), Sample()], ids=["greedy", "beam", "sample"])
def test_what_follows_a_first_part_does_not_lengthen_its_last_word(search) -> None:
    decoder, z = TableDecoder(len(TEXTS), 2, 5), torch.randn(60, 2, generator=torch.Generator().manual_seed(2))
    decoder.table[:, 8] += 3
    fixed = torch.tensor([[5, 7]]).expand(60, -1)
    found = search(decoder, z, 9, fixed, unknown=False, spelling=Spelling.of(Pieces()))
    words = [words_of(h.words) for h in found]
    assert all(each[:2] == [[5], [7]] for each in words)
    assert any(8 in word for each in words for word in each[2:])  # what is free may be longer
    assert any(8 in h.words[2:3] for h in search(decoder, z, 9, fixed, unknown=False))  # as it would be without


def test_blanks_beside_others_in_a_batch() -> None:
    decoder, z = TableDecoder(len(TEXTS), 2, 5), torch.randn(3, 2, generator=torch.Generator().manual_seed(3))
    fixed = torch.tensor([[5, BLANK, 5, EOS], [BLANK, EOS, FREE, FREE], [5, FREE, FREE, FREE]])
    spelling = Spelling.of(Pieces())
    for search in (Greedy(), Beam(3), Sample()):
        together = search(decoder, z, 6, fixed, spelling=spelling)
        keys = torch.arange(3)
        alone = [
            search(decoder, z[i : i + 1], 6, fixed[i : i + 1], keys=keys[i : i + 1], spelling=spelling)[0]
            for i in range(3)
        ]
        assert together == alone
