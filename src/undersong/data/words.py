r"""What a word is: ``\w+(?:'\w+)?``, or any other single character that is not a space.

The rule is Python's own (``re`` and ``str.lower`` on Unicode text), applied after lower-casing. Knows nothing of
vocabularies, files or arrays; ``splitting`` is the same rule on whole arrays of lines.
"""

import functools
import re
from collections.abc import Sequence

import numpy as np

WORD = re.compile(r"\w+(?:'\w+)?|\S")
_NO_SPACE_BEFORE = frozenset(".,;:!?)]}%")
_NO_SPACE_AFTER = frozenset("([{")


def words(text: str, lowercase: bool = True) -> list[str]:
    """The words of a text.

    >>> words("Don't panic: it's 4 o'clock!")
    ["don't", 'panic', ':', "it's", '4', "o'clock", '!']
    """
    return WORD.findall(text.lower() if lowercase else text)


def ranges(pattern: str) -> list[tuple[int, int]]:
    r"""The code points that a pattern such as ``\d`` matches, as ranges (first, last), in order.

    >>> ranges("[a-c_]")
    [(95, 95), (97, 99)]
    """
    found = (run.group() for run in re.finditer(f"{pattern}+", _everything()))
    return [(ord(run[0]), ord(run[-1])) for run in found]


@functools.cache
def _everything() -> str:
    """Every character there is, in order: all code points but surrogates."""
    codes = np.arange(0x110000, dtype="<u4")
    return codes[(codes < 0xD800) | (codes > 0xDFFF)].tobytes().decode("utf-32-le")


def definition(gloss: str) -> str:
    """The definition in a WordNet gloss: all before the first ``; "``, where its usage examples begin.

    >>> definition('a visible entity; one that casts a shadow; "it was full of rackets"')
    'a visible entity; one that casts a shadow'
    """
    return gloss.split('; "', 1)[0].strip()


def examples(gloss: str) -> list[str]:
    """The usage examples quoted in a WordNet gloss.

    >>> examples('able to see; "she is sighted"; "a sighted person" - Anon')
    ['she is sighted', 'a sighted person']
    """
    return [quoted.strip() for quoted in re.findall(r'"([^"]*)"', gloss) if quoted.strip()]


def join(sentence: Sequence[str]) -> str:
    """Words as a person would type them: no space before closing punctuation or after an opening bracket.

    >>> join(["a", "dog", "(", "or", "cat", ")", ",", "perhaps"])
    'a dog (or cat), perhaps'
    """
    out: list[str] = []
    for word in sentence:
        tight = not out or word in _NO_SPACE_BEFORE or out[-1][-1:] in _NO_SPACE_AFTER
        out.append(word if tight else " " + word)
    return "".join(out)
