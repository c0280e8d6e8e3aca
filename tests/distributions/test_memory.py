"""A batch that does not fit is refused with the length that would."""

import re

import pytest
import torch

from undersong.distributions import memory
from undersong.errors import UserError


def test_the_length_it_names_is_the_longest_that_fits(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda device: 10**9)

    def needed(words: int) -> float:
        return 1e5 * words**2

    memory.check_length(100, 4, needed, torch.device("cpu"))
    with pytest.raises(UserError) as refused:
        memory.check_length(101, 4, needed, torch.device("cpu"))
    assert re.search(r"4 sentences of up to 101 words needs 1\.0 GB .* more than 100 words", str(refused.value))


def test_small_ones_do_not_ask_the_system(monkeypatch):
    def asked(device):
        raise AssertionError

    monkeypatch.setattr(memory, "available", asked)
    memory.check_length(10, 4, lambda words: 1e6 * words, torch.device("cpu"))


def test_what_the_system_has_is_a_sensible_number():
    assert 2**20 < memory.available(torch.device("cpu")) <= 2**62
