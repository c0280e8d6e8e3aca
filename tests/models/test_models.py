"""Models say p(z) and p(x|z); the language model is the one whose z has no dimensions, and is exact."""

import pytest
import torch

from undersong.data.batch import Batch
from undersong.draw import draw
from undersong.errors import UserError
from undersong.estimators import Pathwise
from undersong.inference import Amortized, Exact
from undersong.learning.system import System
from undersong.models import VAE, CompoundPCFG, ContinuousNaiveBayes, ExactModel, LanguageModel
from undersong.objectives import ELBO, IWAE, AutoGen

X = Batch.of([[5, 6, 7], [8], [9, 4]])


def test_every_bound_of_a_language_model_is_its_log_likelihood():
    model = LanguageModel(20)
    exact = model.log_marginal(X)
    q = model.posterior(X)
    for objective in (ELBO(), IWAE(3), AutoGen(0.0)):
        d = draw(model, X, q, q.rsample((objective.samples,)))
        torch.testing.assert_close(objective(d), exact)
        assert d.kl.tolist() == [0.0, 0.0, 0.0]


def test_only_models_that_have_one_offer_an_exact_posterior():
    assert isinstance(LanguageModel(20), ExactModel)
    assert not isinstance(VAE(20, 4), ExactModel)


def test_parameters_fall_into_disjoint_groups_that_cover_them_all():
    system = System(VAE(20, 4), Amortized(20, 4), Pathwise(), ELBO())
    groups = [set(map(id, system.group(name))) for name in ("generative", "inference", "auxiliary")]
    assert sum(map(len, groups)) == len(set.union(*groups)) == len(list(system.parameters()))
    assert groups[0]
    assert groups[1]


def test_a_language_model_trains_through_the_same_loss():
    system = System(LanguageModel(20), Exact(20, 0), Pathwise(), ELBO())
    d, loss = system.loss(X, step=0)
    loss.backward()
    torch.testing.assert_close(loss, -d.log_px.mean())
    assert all(p.grad is not None for p in system.parameters())


@pytest.mark.parametrize("model", [VAE, ContinuousNaiveBayes, CompoundPCFG])
def test_a_vector_of_no_numbers_is_refused(model):
    with pytest.raises(UserError, match="latent is -1: it must be at least 1"):
        model(50, latent=-1)
