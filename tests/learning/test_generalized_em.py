"""Generalised EM: a gradient step under a fixed posterior is one of log p(x) itself (tutorial, section 5.2)."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from tests.learning.counting import VOCAB, random_batches
from tests.models.learning import system
from torch import nn

from undersong.errors import UserError
from undersong.estimators import Pathwise
from undersong.inference import Amortized
from undersong.learning import GeneralizedEM, Gradient, System
from undersong.learning.generalized_em import expected_score, responsibilities
from undersong.models import HMM, PCFG, VAE, MixtureOfExperts, MixtureOfRNNs, MixtureOfUnigrams, NeuralHMM
from undersong.nets import FirstWords, RecurrentDecoder, RecurrentEncoder
from undersong.objectives import ELBO

DECODER = partial(RecurrentDecoder, embedding=5, hidden=6)
FIRST = partial(FirstWords, words=1, encoder=partial(RecurrentEncoder, embedding=4, hidden=5))
MODELS: dict[str, Callable[[], nn.Module]] = {
    "unigrams": partial(MixtureOfUnigrams, VOCAB, 3),
    "rnns": partial(MixtureOfRNNs, VOCAB, 3, code=4, decoder=DECODER),
    "rnns apart": partial(MixtureOfRNNs, VOCAB, 3, decoder=DECODER, separate=True),
    "experts": partial(MixtureOfExperts, VOCAB, 3, code=4, context=FIRST, decoder=DECODER),
    "hmm": partial(HMM, VOCAB, 3),
    "neural hmm": partial(NeuralHMM, VOCAB, 3, size=6),
    "pcfg": partial(PCFG, VOCAB),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_the_gradient_is_that_of_log_p(name: str) -> None:
    torch.manual_seed(1)
    made = system(MODELS[name]())
    (x,) = random_batches(count=1)
    parameters = list(made.parameters())
    direct = torch.autograd.grad(-made.model.log_marginal(x).sum(), parameters)
    q = made.posterior(x)
    held = torch.autograd.grad(-expected_score(q, responsibilities(q)), parameters)
    for one, other in zip(held, direct, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


def test_one_step_is_a_step_of_gradient() -> None:
    ends = []
    for learner in (Gradient, GeneralizedEM):
        torch.manual_seed(1)
        made = system(MODELS["rnns"]())
        walker = learner(made, lr=0.1)
        for step, x in enumerate(random_batches()):
            walker.step(x, step)
        ends.append(torch.cat([p.detach().flatten() for p in made.parameters()]))
    torch.testing.assert_close(*ends, rtol=1e-3, atol=1e-3)


def test_several_steps_climb_further_on_one_posterior() -> None:
    (x,) = random_batches(count=1)
    ends = []
    for steps in (1, 5):
        torch.manual_seed(1)
        made = system(MODELS["rnns"]())
        learner = GeneralizedEM(made, steps=steps, lr=0.01)
        losses = [float(learner.step(x, step)["loss"]) for step in range(10)]
        assert losses[-1] < losses[0]
        ends.append(losses[-1])
    assert ends[1] < ends[0]


def test_what_has_no_posterior_over_structures_is_refused() -> None:
    vae = System(VAE(VOCAB, 2), Amortized(VOCAB, 2), Pathwise(), ELBO())
    with pytest.raises(UserError, match="exact posterior over structures"):
        GeneralizedEM(vae).check(random_batches(count=1)[0])
    with pytest.raises(UserError, match="exact posterior over structures"):
        GeneralizedEM(vae).step(random_batches(count=1)[0], 0)
    with pytest.raises(UserError, match="steps"):
        GeneralizedEM(vae, steps=0)
