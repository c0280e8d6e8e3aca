"""Characters that a treebank's format cannot hold, written as ``-LRB-``, ``-RRB-`` and ``-U+0020-``, and back.

A parenthesis in a bracketed tree is ``-LRB-`` or ``-RRB-``, as in the Penn Treebank. There is no such custom for others
(a tab in CoNLL-U, a space in a tree), so they are written by their code point. A word that holds such a sequence of its
own has its hyphen written so. Knows nothing of trees.
"""

import re

_WRITTEN = re.compile(r"-(?:LRB|RRB|U\+([0-9A-F]{4,6}))-")
_NUMBERED = re.compile(r"-U\+([0-9A-F]{4,6})-")


def code(character: str) -> str:
    """A character by its number.

    >>> code("_")
    '-U+005F-'
    """
    return f"-U+{ord(character):04X}-"


def escape_spaces(word: str) -> str:
    """A word for a column of CoNLL-U: single spaces inside it stay, all other white space is numbered.

    >>> escape_spaces("10 000"), escape_spaces("a\\tb ")
    ('10 000', 'a-U+0009-b-U+0020-')
    """
    return re.sub(r"-(?=U\+)|[^\S ]|^ | $|(?<= ) ", lambda found: code(found.group()), word)


def escape_brackets(word: str) -> str:
    r"""A word for a bracketed tree: no parentheses, white space or backslashes.

    >>> escape_brackets(":)"), escape_brackets("-LRB-"), escape_brackets("a b")
    (':-RRB-', '-U+002D-LRB-', 'a-U+0020-b')
    """
    short = {"(": "-LRB-", ")": "-RRB-"}
    return re.sub(r"-(?=LRB|RRB|U\+)|[()\s\\]", lambda found: short.get(found[0]) or code(found[0]), word)


def unescape_spaces(word: str) -> str:
    """The word that ``escape_spaces`` wrote.

    >>> unescape_spaces("a-U+0009-b"), unescape_spaces("-LRB-")
    ('a\\tb', '-LRB-')
    """
    return _NUMBERED.sub(_character, word) if "-U+" in word else word


def unescape_brackets(word: str) -> str:
    """The word that ``escape_brackets`` wrote.

    >>> unescape_brackets(":-RRB-"), unescape_brackets("-U+002D-LRB-")
    (':)', '-LRB-')
    """
    return _WRITTEN.sub(_character, word) if "-" in word else word


def _character(found: re.Match[str]) -> str:
    if found[1] is None:
        return "(" if found[0] == "-LRB-" else ")"
    number = int(found[1], 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else found[0]
