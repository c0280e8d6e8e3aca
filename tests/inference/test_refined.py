"""Refinement finds the exact posterior where the family holds it, and repairs AutoGen-like proposals."""

import pytest
import torch
from tests.measures.gaussian import LinearGaussian, Powered, closed_elbo, sentences, system

from undersong.data.batch import Batch
from undersong.draw import draw
from undersong.errors import UserError
from undersong.families import PointMass
from undersong.inference import Refined, refine
from undersong.measures.bounds import importance_sampled

COUNT = 6
MODEL = LinearGaussian(latent=16, observed=24, count=COUNT)
X = sentences(COUNT)


@pytest.mark.parametrize("m", [1.0, 2.0, 5.0])
def test_it_repairs_an_autogen_like_posterior(m: float) -> None:
    proposer = Powered(MODEL, m)
    start = proposer.params(X)
    better = refine(MODEL, proposer.family, start, X)
    truth, exact, gap, effective = MODEL.log_p(X), system(MODEL).posterior(X), [], []
    for params in (start, better):
        torch.manual_seed(0)
        q = proposer.family(params)
        d = draw(MODEL, X, q, q.sample((500,)))
        found = importance_sampled(d.log_w)
        gap.append(torch.distributions.kl_divergence(q, exact))  # log p(y) - ELBO
        effective.append(found.effective)
    assert (gap[1] < gap[0]).all()
    assert gap[1].mean() < 0.3
    assert (effective[1] > effective[0]).all()
    assert effective[1].min() > 200
    assert ((found.value - truth).abs() < 4 * found.error).all()


def test_sentences_do_not_touch_each_other() -> None:
    proposer = Powered(MODEL, 2.0)
    together = refine(MODEL, proposer.family, proposer.params(X), X, steps=15)
    x = Batch(X.tokens[4:5], X.lengths[4:5], X.index[4:5])
    alone = refine(MODEL, proposer.family, proposer.params(x), x, steps=15)
    torch.testing.assert_close(alone[0], together[4], atol=1e-6, rtol=0)


def test_the_exact_posterior_stays() -> None:
    q = system(MODEL).posterior(X)
    proposer = Powered(MODEL)
    better = proposer.family(refine(MODEL, proposer.family, proposer.params(X), X))
    assert (torch.distributions.kl_divergence(better, q) < 0.4).all()
    torch.testing.assert_close(closed_elbo(MODEL, X, wide=1.0), MODEL.log_p(X))


def test_as_an_inference_it_trains_encoder_and_model() -> None:
    from tests.learning.small import WORDS

    from undersong.estimators import Pathwise
    from undersong.learning.system import System
    from undersong.models import VAE
    from undersong.objectives import ELBO

    vocab = len(WORDS) + 4
    torch.manual_seed(0)
    whole = System(VAE(vocab, 3), Refined(vocab, 3, steps=2), Pathwise(), ELBO())
    _, loss = whole.loss(Batch.of([[4, 5, 6], [7]]), 0)
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in whole.parameters())


def test_a_point_cannot_be_refined() -> None:
    with pytest.raises((UserError, ValueError), match=r"[Pp]oint|cannot"):
        refine(MODEL, PointMass(16), torch.zeros(COUNT, 16), X)
