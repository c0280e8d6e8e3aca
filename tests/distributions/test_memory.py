"""A batch that does not fit is refused with the length that would."""

import re
import resource
from pathlib import Path

import pytest
import torch

from undersong.distributions import (
    Assignment,
    Chain,
    Dependency,
    FactorialChain,
    SemiMarkov,
    Structured,
    Tree,
    Valence,
    memory,
    structured,
)
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


def test_a_limit_on_the_process_is_a_limit_on_sentences():
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2**28, limits[1]))
    try:
        assert 0 < memory.available(torch.device("cpu")) <= 2**28
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_what_the_system_has_is_a_sensible_number():
    assert 2**20 < memory.available(torch.device("cpu")) <= 2**62


def some(words: int = 6) -> list[Structured]:
    torch.manual_seed(0)
    lengths = torch.tensor([words, 2, 4])
    rules = torch.randn(2), torch.randn(2, 5, 5)
    emission = torch.randn(3, words, 3)
    between = torch.randn(3, words - 1, 3, 3)
    return [
        Assignment(emission[:, 0]),
        Chain(torch.randn(3), between[0, 0], emission, lengths),
        Chain(torch.randn(3, 3), between, emission, lengths),
        SemiMarkov(torch.randn(3), between[0, 0], torch.randn(3, words, 2, 3), lengths),
        SemiMarkov(torch.randn(3, 3), between[:, 0], torch.randn(3, words, 2, 3), lengths),
        FactorialChain(torch.randn(2, 2), torch.randn(2, 2, 2), torch.randn(3, words, 4), lengths),
        Tree(*rules, emission, lengths),
        Tree(torch.randn(3, 2), torch.randn(3, 2, 5, 5), emission, lengths),
        Dependency(torch.randn(3, words + 1, words + 1), lengths),
        Valence(torch.randn(3, words), torch.randn(3, words, words, 2), torch.randn(3, words, 2, 2, 2), lengths),
    ]


def test_sentences_taken_apart_have_the_same_best_structures(monkeypatch):
    together, trace = [], Structured._trace

    def traced(q, semiring):
        together.append(len(q.lengths))
        return trace(q, semiring)

    monkeypatch.setattr(Structured, "_trace", traced)
    for q in some():
        mode, (z, score) = q.mode, q.top_k(3)
        assert together == [3, 3]
        monkeypatch.setattr(structured, "AT_ONCE", 1)
        assert torch.equal(q.mode, mode)
        again = q.top_k(3)
        assert torch.equal(again[0], z)
        torch.testing.assert_close(again[1], score)
        drawn = q.sample((4,))  # with a part for each draw of each sentence, where it is traced at all
        assert drawn.shape == (4, *mode.shape)
        assert bool((q.log_prob(drawn) > -torch.inf).all())
        assert together[2:] == [1] * len(together[2:])
        together.clear()
        monkeypatch.setattr(structured, "AT_ONCE", 2**29)


@pytest.mark.parametrize(
    "use",
    [
        lambda q: q.mode,
        lambda q: q.best,
        lambda q: q.top_k(2),
        lambda q: q.sample((3,)),
        lambda q: q.marginals,
        lambda q: q.log_partition,
    ],
)
def test_what_does_not_fit_is_refused_whatever_is_asked(monkeypatch, use):
    monkeypatch.setattr(memory, "SMALL", 0)
    monkeypatch.setattr(memory, "available", lambda device: 10)
    for q in some():
        with pytest.raises(UserError, match="GB of memory"):
            use(q)


def test_trees_of_forty_words_stay_below_a_gigabyte_together():
    """64 of them, with 30 nonterminals and 60 preterminals, are taken by parts (measured: 61 MB each)."""
    q = Tree(torch.zeros(30), torch.zeros(30, 90, 90), torch.zeros(64, 40, 60), torch.full((64,), 40))
    assert 61e6 < q.traced_bytes(40, 1) < 1.5 * 61e6
    assert 2 <= structured.AT_ONCE / q.traced_bytes(40, 1) <= 1e9 / 61e6
