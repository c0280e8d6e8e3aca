"""Freed memory is kept where it can be, and asking for it harms nobody where it cannot."""

import ctypes
import platform
import subprocess
import sys

import pytest

from undersong.memory import keep_freed

FAULTS = """
import resource, sys, torch
from undersong.memory import keep_freed
if sys.argv[1] == "kept":
    assert keep_freed()
def step():
    pieces = [torch.zeros(mb << 18) for mb in (24, 40, 10)]
for _ in range(10):  # until what is kept has holes for all of them
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True)
    return int(done.stdout)


def takes_large_pieces() -> bool:
    name, release = platform.libc_ver()
    return name == "glibc" and tuple(map(int, release.split(".")[:2])) >= (2, 35)


@pytest.mark.skipif(not takes_large_pieces(), reason="no glibc from 2.35 on, which alone keeps pieces above 32 MB")
def test_the_same_pieces_come_with_fewer_page_faults() -> None:
    assert faults("kept") < 0.1 * faults("as it is")


@pytest.mark.parametrize("most", [2**30, 2**25, 2**20])
def test_an_allocator_that_takes_less_is_asked_for_less(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {}

    class Library:
        @staticmethod
        def mallopt(setting: int, size: int) -> int:
            if setting == -3 and size > most:
                return 0
            taken[setting] = size
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library)
    assert keep_freed() == (most >= 2**25)
    assert taken.get(-3) == (most if most >= 2**25 else None)


def test_elsewhere_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not keep_freed()
