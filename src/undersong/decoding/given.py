"""A person's sentences as word ids, with what the vocabulary lacks kept in sight.

Knows nothing of models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from undersong.data.batch import EOS, UNK
from undersong.data.tokens import Tokenizer
from undersong.data.words import join, words
from undersong.decoding.constraint import BLANK
from undersong.errors import UserError

BLANK_WORD = "_"


@dataclass(frozen=True)
class Source:
    """One sentence as it was given.

    Attributes:
        ids: what an encoder reads: a blank and a word outside the vocabulary are the unknown word. A vocabulary of
            pieces has no unknown word; there blanks are left out, unless there is nothing else.
        fixed: what a decoder must write: the same, but ``BLANK`` at a blank, and the end after a text with blanks.
        text: the words, those outside the vocabulary as ``<unk:word>``.
        unknown: the words outside the vocabulary, in order.
        length: how many words it takes, or pieces at least: a blank may need two.
    """

    ids: list[int]
    fixed: list[int]
    text: str
    unknown: tuple[str, ...]
    length: int


def read(tokenizer: Tokenizer, sentences: Sequence[str], blanks: bool = False) -> list[Source]:
    """Sentences as a model reads them.

    Args:
        tokenizer: the run's.
        sentences: any text.
        blanks: whether the word ``_`` is a blank.

    Raises:
        UserError: a sentence has no words.

    >>> read(Tokenizer.of_words(["a", "dog"]), ["A _ dog barks"], blanks=True)[0]
    Source(ids=[4, 1, 5, 1], fixed=[4, -1, 5, 1, 3], text='a _ dog <unk:barks>', unknown=('barks',), length=4)
    """
    refuse_text(sentences)
    return [_source(tokenizer, sentence, blanks, row) for row, sentence in enumerate(sentences, 1)]


def refuse_text(sentences: Sequence[str]) -> None:
    """Refuse one text where a list of texts is meant: its letters would be the sentences.

    Raises:
        UserError: it is one.
    """
    if isinstance(sentences, str):
        raise UserError(f"{sentences[:40]!r} is one text where a list of sentences is meant: put it into a list.")


def _source(tokenizer: Tokenizer, sentence: str, blanks: bool, row: int) -> Source:
    found = words(sentence, tokenizer.lowercase)
    if not found:
        raise UserError(f"sentence {row} has no words: remove it, so that results and sentences stay in step.")
    blank = [blanks and word == BLANK_WORD for word in found]
    if tokenizer.is_bpe:
        each = [[BLANK] if gap else tokenizer.pieces(word) for word, gap in zip(found, blank, strict=True)]
        fixed = [piece for pieces in each for piece in pieces]
        known = [piece for piece in fixed if piece != BLANK] or [UNK]
        length = len(fixed) + sum(blank)
        return Source(known, [*fixed, EOS] if any(blank) else fixed, join(found), (), length)
    ids = [UNK if gap else i for i, gap in zip(tokenizer.encode_words(found), blank, strict=True)]
    fixed = [BLANK if gap else i for i, gap in zip(ids, blank, strict=True)]
    lacking = [i == UNK and not gap for i, gap in zip(ids, blank, strict=True)]
    text = join([f"<unk:{word}>" if lacks else word for word, lacks in zip(found, lacking, strict=True)])
    unknown = tuple(word for word, lacks in zip(found, lacking, strict=True) if lacks)
    return Source(ids, [*fixed, EOS] if any(blank) else fixed, text, unknown, len(fixed))
