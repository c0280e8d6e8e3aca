"""Continuous Naive Bayes against eq. 5 written out, and against integration over its one dimension."""

import math

import pytest
import torch

from undersong.data.batch import Batch
from undersong.draw import draw
from undersong.families import DiagonalGaussian
from undersong.models import ContinuousNaiveBayes
from undersong.nets import BagEncoder, BagOfWords
from undersong.objectives import IWAE

V = 9
X = Batch.of([[5, 6, 5], [8], []])


@pytest.mark.parametrize("hidden", [0, 5])
def test_a_bag_is_a_product_of_words(hidden: int) -> None:
    model = ContinuousNaiveBayes(V, 4, hidden=hidden).double()
    z = torch.randn(2, 3, 4, dtype=torch.float64)
    p = model.decoder.out(model.decoder.body(z)).softmax(-1)  # [S, B, V]
    by_hand = torch.stack([p[:, 0, 5] ** 2 * p[:, 0, 6], p[:, 1, 8], torch.ones(2, dtype=torch.float64)], 1).log()
    torch.testing.assert_close(model.log_likelihood(X, z), by_hand)
    log_p, state = model.decoder.step(torch.tensor([2, 2, 2]), model.decoder.start(z[0]))
    torch.testing.assert_close(log_p.exp(), p[0])
    torch.testing.assert_close(model.decoder.step(torch.tensor([5, 5, 5]), state)[0], log_p)


def test_the_encoder_sees_no_order_and_no_padding() -> None:
    encoder = BagEncoder(V, 4, 3)
    torch.testing.assert_close(encoder(Batch.of([[5, 6, 7], [8]])), encoder(Batch.of([[7, 5, 6], [8]])))
    torch.testing.assert_close(encoder(Batch.of([[8]]))[0], encoder(Batch.of([[5, 6, 7], [8]]))[1])


def test_many_importance_samples_reach_the_integral() -> None:
    """log p(x) by quadrature over z in one dimension."""
    torch.manual_seed(0)
    model = ContinuousNaiveBayes(V, 1).double()
    grid = torch.linspace(-9, 9, 4001, dtype=torch.float64)
    joint = (
        model.log_likelihood(X, grid[:, None, None].expand(-1, 3, -1)) + model.prior().log_prob(grid[:, None])[:, None]
    )
    exact = joint.logsumexp(0) + math.log(18 / 4000)
    q = DiagonalGaussian(1)(torch.zeros(3, 2, dtype=torch.float64))
    found = IWAE(20000)(draw(model, X, q, q.rsample((20000,))))
    torch.testing.assert_close(found, exact, atol=0.02, rtol=0)


def test_samples_are_bags_of_the_asked_size() -> None:
    model = ContinuousNaiveBayes(V, 4)
    z, x = model.sample(6, max_words=5, generator=torch.Generator().manual_seed(1))
    assert z.shape == (6, 4)
    assert x.tokens.shape == (6, 5)
    assert x.lengths.tolist() == [5] * 6
    assert not set(x.tokens.flatten().tolist()) & {0, 2, 3}
    again = model.sample(6, max_words=5, generator=torch.Generator().manual_seed(1))
    assert torch.equal(again[0], z)
    assert torch.equal(again[1].tokens, x.tokens)
    assert isinstance(ContinuousNaiveBayes(V, 4).decoder, BagOfWords)
