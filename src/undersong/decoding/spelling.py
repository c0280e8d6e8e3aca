r"""How the pieces of a byte-pair vocabulary make words, so that a blank is exactly one and a given word stays as it is.

A piece with a space before it begins a word. While a word is written it is in one of five states, by what the word
rule ``\w+(?:'\w+)?|\S`` makes of it so far: 0 there is none, or nothing may follow (a single other character); 1 only
its space; 2 letters; 3 letters and an apostrophe; 4 letters on both sides of one. In 1 and 3 it is no word yet.

Knows nothing of models, or of what is given.
"""

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from undersong.data.batch import SPECIAL
from undersong.data.tokens import Tokenizer
from undersong.data.words import WORD

_SO_FAR = ("", "", "a", "a'", "a'a")  # a word in each state
_LETTERS, _APOSTROPHE = re.compile(r"\w+"), re.compile(r"\w+'")
STATES = len(_SO_FAR)
NEVER = -1


@dataclass(frozen=True)
class Spelling:
    """The pieces of a vocabulary, by state.

    Attributes:
        after: the state after each piece that a blank may hold, ``NEVER`` for others: a part of a character, a special
            symbol, what is no part of one word, and capitals where texts are lower-cased: int8 [5, V].
        begins: which pieces leave the word before them as it is: all that begin a word, and special symbols: bool [V].
    """

    after: Tensor
    begins: Tensor

    @staticmethod
    def of(tokenizer: Tokenizer) -> "Spelling":
        """That of a byte-pair tokenizer.

        >>> tokenizer = Tokenizer.train_bpe(["a dog"], 270)
        >>> begun, ended = tokenizer.pieces("a")[0], tokenizer.vocab["'"]
        >>> after = Spelling.of(tokenizer).after
        >>> after[0, begun].item(), after[2, ended].item(), after[2, begun].item(), after[0, ended].item()
        (2, 3, -1, -1)
        """
        texts = tokenizer.tokens(range(len(tokenizer)))
        after = [[_state(state, text, tokenizer.lowercase) for text in texts] for state in range(STATES)]
        for row in after:
            row[: len(SPECIAL)] = [NEVER] * len(SPECIAL)
        begins = [i < len(SPECIAL) or text.startswith(" ") for i, text in enumerate(texts)]
        return Spelling(torch.tensor(after, dtype=torch.int8), torch.tensor(begins))

    def to(self, device: torch.device) -> "Spelling":
        """The same on another device."""
        return Spelling(self.after.to(device), self.begins.to(device))


def whole(state: Tensor) -> Tensor:
    """Whether a word in such a state may end."""
    return (state != 1) & (state != 3)


def _state(state: int, piece: str, lowercase: bool) -> int:
    """What a piece, as text, makes of a word in some state."""
    opens = piece.startswith(" ")
    if opens != (state == 0) or "\ufffd" in piece or (lowercase and piece != piece.lower()):
        return NEVER
    word = _SO_FAR[state] + piece[opens:]
    if not word:
        return 1
    if _LETTERS.fullmatch(word):
        return 2
    if _APOSTROPHE.fullmatch(word):
        return 3
    if not WORD.fullmatch(word):
        return NEVER
    return 4 if len(word) > 1 else 0
