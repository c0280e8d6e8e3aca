"""One of K against plain arithmetic."""

import torch
from torch.distributions import Categorical, kl_divergence

from undersong.distributions import Assignment

NEVER = -torch.inf


def test_all_of_it_against_a_categorical() -> None:
    scores = torch.randn(4, 6, dtype=torch.float64) * 3
    q, p = Assignment(scores), Assignment(torch.randn(4, 6, dtype=torch.float64))
    plain, other = Categorical(logits=scores), Categorical(logits=p.potentials[0])
    z = q.enumerate_support()
    torch.testing.assert_close(q.log_prob(z), plain.log_prob(z))
    torch.testing.assert_close(q.log_partition, scores.logsumexp(-1))
    torch.testing.assert_close(q.marginals[0], plain.probs)
    torch.testing.assert_close(q.entropy(), plain.entropy())
    torch.testing.assert_close(kl_divergence(q, p), kl_divergence(plain, other))
    assert q.mode.tolist() == scores.argmax(1).tolist()
    best, values = q.top_k(8)
    assert best[:6].T.tolist() == scores.argsort(1, descending=True).tolist()
    assert values[6:].tolist() == [[NEVER] * 4] * 2


def test_samples_have_their_probabilities() -> None:
    torch.manual_seed(0)
    q = Assignment(torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]).log())
    z = q.sample((40000,))
    share = torch.stack([(z == k).double().mean(0) for k in range(3)], 1)
    error = (q.marginals[0] * (1 - q.marginals[0]) / 40000).sqrt()
    assert z.shape == (40000, 2)
    assert bool(((share - q.marginals[0]).abs() < 4 * error).all())


def test_forbidden_and_extreme_scores() -> None:
    scores = torch.tensor([[NEVER, 1e4, -1e4], [NEVER, NEVER, NEVER]], requires_grad=True)
    q = Assignment(scores)
    assert q.log_partition.tolist() == [1e4, NEVER]
    q.log_partition.sum().backward()
    assert scores.grad is not None
    assert scores.grad.tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    assert q.best.tolist() == [1e4, NEVER]
    assert q.entropy().tolist() == [0.0, 0.0]
