"""Settings that cannot be meant are refused where they are given, before any work.

A seed may be any integer; ``train``'s, which name folders and are written down, any of 64 bits.

Knows nothing of what they set.
"""

import math

from undersong.errors import UserError


def need(least: float, **settings: float | None) -> None:
    """Every setting is at least ``least``; None, which leaves it open, passes.

    >>> need(1, sentences=None, epochs=3)
    >>> need(1, epochs=0)
    Traceback (most recent call last):
    undersong.errors.UserError: epochs is 0: it must be at least 1.

    Raises:
        UserError: one is less, or no number.
    """
    for name, value in settings.items():
        if value is not None and not value >= least:
            raise UserError(f"{name} is {value}: it must be at least {least}.")


def need_above(bound: float, **settings: float) -> None:
    """Every setting is above ``bound``.

    Raises:
        UserError: one is not.
    """
    for name, value in settings.items():
        if not value > bound:
            raise UserError(f"{name} is {value}: it must be above {bound}.")


def need_finite(**settings: float) -> None:
    """Every setting is a number, and not infinite.

    Raises:
        UserError: one is not.
    """
    for name, value in settings.items():
        if not math.isfinite(value):
            raise UserError(f"{name} is {value}: it must be a finite number.")


def need_share(**settings: float) -> None:
    """Every setting is a share, from 0 to 1.

    Raises:
        UserError: one is not.
    """
    for name, value in settings.items():
        if not 0 <= value <= 1:
            raise UserError(f"{name} is {value:g}: it must be a share, from 0 to 1.")


def need_text(*given: str) -> None:
    r"""Every text, or name of a file, can be written as UTF-8: what the system gives may hold bytes that are none.

    >>> need_text("caf\udce9.txt")
    Traceback (most recent call last):
    undersong.errors.UserError: 'caf\udce9.txt' is not UTF-8 text: convert it, or rename the file or folder.

    Raises:
        UserError: one cannot.
    """
    for text in given:
        if not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise UserError(f"{text!a} is not UTF-8 text: convert it, or rename the file or folder.")


def lowest_bits(seed: int, bits: int = 64) -> int:
    """A seed as a generator takes it: any integer, negative or huge, brought into 0 to 2^bits - 1.

    One that is there already stays. Numpy's and torch's generators take 64 bits, scikit-learn 32.

    >>> lowest_bits(7), lowest_bits(-1) == 2**64 - 1, lowest_bits(2**70 + 7), lowest_bits(-1, 32) == 2**32 - 1
    (7, True, 7, True)
    """
    return seed % 2**bits
