"""An untied posterior begins as the isotropic one it came from."""

from functools import partial

import pytest
import torch

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.estimators import Pathwise
from undersong.families import DiagonalGaussian, IsotropicGaussian, PointMass
from undersong.inference import Amortized
from undersong.learning.system import System
from undersong.models import VAE
from undersong.nets import RecurrentDecoder, RecurrentEncoder
from undersong.objectives import ELBO
from undersong.reproduce.warm_start import start_from, untied

X = Batch.of([[5, 6, 7], [8, 9], [4, 4, 4, 4]])


def system(family: type, seed: int, latent: int = 3) -> System:
    torch.manual_seed(seed)
    model = VAE(20, latent, partial(RecurrentDecoder, embedding=4, hidden=5))
    inference = Amortized(20, latent, partial(RecurrentEncoder, embedding=4, hidden=5), family)
    return System(model, inference, Pathwise(), ELBO()).eval()


def test_the_same_posterior_and_model() -> None:
    tied, diagonal = system(IsotropicGaussian, 0), system(DiagonalGaussian, 1)
    start_from(diagonal, tied)
    q, r = tied.posterior(X), diagonal.posterior(X)
    torch.testing.assert_close(r.mean, q.mean)
    torch.testing.assert_close(r.variance, q.variance)
    z = torch.randn(2, 3, 3)
    torch.testing.assert_close(diagonal.model.log_likelihood(X, z), tied.model.log_likelihood(X, z))


def test_each_variance_is_free_afterwards() -> None:
    diagonal = system(DiagonalGaussian, 1)
    start_from(diagonal, system(IsotropicGaussian, 0))
    with torch.no_grad():
        diagonal.inference.head.bias[-1] += 1.0
    variance = diagonal.posterior(X).variance
    assert (variance[:, -1] > 2 * variance[:, 0]).all()


def test_other_sizes_are_refused() -> None:
    with pytest.raises(UserError, match="of the size"):
        start_from(system(DiagonalGaussian, 0, latent=4), system(IsotropicGaussian, 0, latent=3).eval())
    with pytest.raises(UserError, match="not that of an isotropic posterior"):
        untied(torch.zeros(5, 2), 3)
    with pytest.raises(UserError):
        start_from(system(DiagonalGaussian, 0), system(PointMass, 0))
