"""One of K against enumeration and torch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.distributions.enumerated import Enumerated
from tests.distributions.scores import Scores
from torch.distributions import Categorical, kl_divergence

from undersong.distributions import Assignment

NEVER = -torch.inf


def choices(sentences: int, k: int) -> list[torch.Tensor]:
    """All of them, for each sentence."""
    return [torch.arange(k)] * sentences


@settings(max_examples=60, deadline=None)
@given(
    sentences=st.integers(1, 5),
    k=st.integers(1, 6),
    scale=st.sampled_from([1.0, 100.0, 1e4]),
    forbidden=st.sampled_from([0.0, 0.2, 0.6]),
    alike=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_all_of_it_against_enumeration(sentences, k, scale, forbidden, alike, seed):
    mine, other = (
        Enumerated(Assignment(Scores(seed + s, scale, forbidden, alike=alike)(sentences, k)), choices(sentences, k))
        for s in (0, 1)
    )
    assert mine.check() == sentences * k
    assert mine.check_kl(other) == int((mine.possible & other.possible).sum())


def test_it_is_a_categorical():
    scores = torch.randn(4, 6, dtype=torch.float64) * 3
    q, p = Assignment(scores), Assignment(torch.randn(4, 6, dtype=torch.float64))
    plain, other = Categorical(logits=scores), Categorical(logits=p.potentials[0])
    z = q.enumerate_support()
    torch.testing.assert_close(q.log_prob(z), plain.log_prob(z))
    torch.testing.assert_close(q.marginals[0], plain.probs)
    torch.testing.assert_close(q.entropy(), plain.entropy())
    torch.testing.assert_close(kl_divergence(q, p), kl_divergence(plain, other))


@pytest.mark.parametrize(("scale", "alike"), [(1.0, False), (1e4, True)])
@pytest.mark.parametrize("forbidden", [0.0, 0.3])
def test_samples_have_their_probabilities(scale, alike, forbidden):
    torch.manual_seed(0)
    mine = Assignment(Scores(1, scale, forbidden, alike=alike)(8, 5))
    assert Enumerated(mine, choices(8, 5)).check_samples() > 4


def test_forbidden_and_extreme_scores():
    scores = torch.tensor([[NEVER, 1e4, -1e4], [NEVER, NEVER, NEVER]], requires_grad=True)
    q = Assignment(scores)
    assert q.log_partition.tolist() == [1e4, NEVER]
    q.log_partition.sum().backward()
    assert scores.grad is not None
    assert scores.grad.tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    assert q.best.tolist() == [1e4, NEVER]
    assert q.entropy().tolist() == [0.0, 0.0]
