"""Freed memory is kept where it can be, and asking for it harms nobody where it cannot."""

import ctypes
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


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc")
def test_the_same_pieces_come_with_fewer_page_faults() -> None:
    assert faults("kept") < 0.1 * faults("as it is")


def test_elsewhere_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not keep_freed()
