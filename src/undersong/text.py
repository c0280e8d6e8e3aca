r"""Text that strangers wrote, made harmless to look at: control characters are shown and not obeyed.

A model's words, a corpus's sentences and a folder's name may hold escape sequences for terminals or marks that turn
the direction of writing; on a terminal and in a report they stand as ``\x1b`` and ``\u202e``. Knows nothing of tables
or pages: markup is escaped where it is written.
"""

import unicodedata

_JOINERS = "\u200c\u200d"  # needed to write Persian, Hindi and many emoji; they command nothing
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: str) -> str:
    r"""The text with every character that would not show written as its escape.

    >>> visible("a\x1b[31m dog\u202e\x00")
    'a\\x1b[31m dog\\u202e\\x00'
    >>> visible("naïve 犬 — «ok»")
    'naïve 犬 — «ok»'
    """
    return "".join(c if shows(c) else _escape(c) for c in text)


def readable(text: str) -> str:
    """The same of a sentence that a model wrote: one of no words is said to be that, and not left blank.

    >>> readable("a dog"), readable("")
    ('a dog', '(no words)')
    """
    return visible(text) or "(no words)"


def shows(character: str) -> bool:
    """Whether a character stands for itself when it is looked at."""
    return character in _JOINERS or unicodedata.category(character) not in _HIDDEN


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
