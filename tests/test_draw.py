"""The record of a draw, where its samples are the whole support of q or some of those that were drawn."""

import math

import pytest
import torch

from undersong.data.batch import Batch
from undersong.draw import Draw, draw, joined
from undersong.families import DiagonalGaussian, LearnedPrior
from undersong.models import ContinuousNaiveBayes, MixtureOfUnigrams
from undersong.objectives import ELBO, IWAE, AutoGen, Beta

V, K = 8, 3
X = Batch.of([[4, 5, 5], [6], [7, 4]])


def mixture() -> MixtureOfUnigrams:
    torch.manual_seed(0)
    return MixtureOfUnigrams(V, K).double()


def enumerated(model: MixtureOfUnigrams, x: Batch, given: bool) -> Draw:
    q = model.posterior(x, given=given)
    z = q.enumerate_support()
    return draw(model, x, q, z, weight=q.log_prob(z).exp())


@pytest.mark.parametrize("objective", [ELBO(), IWAE(), AutoGen(0.5), Beta(0.3)])
@pytest.mark.parametrize("case", ["a cluster is known", "a word is impossible in a cluster"])
def test_what_q_never_draws_counts_nothing(objective, case):
    """Where q(z|x) = 0, log q and maybe log p(x|z) are -inf: every figure is that of the z that are left."""
    model, x = mixture(), X
    if case == "a cluster is known":
        x = Batch(X.tokens, X.lengths, X.index, labels=torch.tensor([1, -1, 0]))
        possible = torch.tensor([[0, 1, 0], [1, 1, 1], [1, 0, 0]]).bool()
    else:
        with torch.no_grad():
            model.words.logits[6, 0] = -math.inf
        possible = torch.tensor([[1, 1, 1], [0, 1, 1], [1, 1, 1]]).bool()
    value = objective(enumerated(model, x, given=True))
    weights, likelihoods = model.log_weights(), model.log_likelihoods(x)
    for b, z in enumerate(possible):
        joint = weights[z] + likelihoods[b, z]
        q = joint.softmax(0)
        distortion, rate = -(q * likelihoods[b, z]).sum(), (q * (q.log() - weights[z])).sum()
        expected = {
            ELBO: joint.logsumexp(0),
            IWAE: joint.logsumexp(0),
            AutoGen: -1.5 * distortion - rate,
            Beta: -distortion - 0.3 * rate,
        }
        torch.testing.assert_close(value[b], expected[type(objective)])
    value.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_a_kl_without_closed_form_is_that_of_the_samples_that_are_kept():
    """A mixture prior: the KL is estimated, so that the ELBO of some samples is the mean of their log weights."""
    torch.manual_seed(0)
    model = ContinuousNaiveBayes(V, 2, prior=LearnedPrior)
    q = DiagonalGaussian(2)(torch.randn(len(X), 4))
    d = draw(model, X, q, q.rsample((6,)))
    for record in (d, joined([d, d])):
        for some in (torch.tensor([1]), torch.tensor([0, 2, 5])):
            kept = record.keep(some)
            torch.testing.assert_close(kept.kl, (record.log_qz - record.log_pz)[some].mean(0))
            torch.testing.assert_close(ELBO()(kept), record.log_w[some].mean(0))


def test_a_kl_in_closed_form_is_that_of_q_whatever_is_kept():
    torch.manual_seed(0)
    model = ContinuousNaiveBayes(V, 2)
    q = DiagonalGaussian(2)(torch.randn(len(X), 4))
    d = draw(model, X, q, q.rsample((6,)))
    assert torch.equal(d.keep(torch.tensor([1])).kl_parts, d.kl_parts)
