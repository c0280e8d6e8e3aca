"""Hidden Markov models: log p(x), posteriors and counts against enumeration and against hmmlearn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hmmlearn.hmm import CategoricalHMM
from tests.models.learning import directional_derivative, system
from tests.models.sequences import SENTENCES, enumerated, random_text, total

from undersong.data.batch import Batch
from undersong.draw import draw
from undersong.errors import UserError
from undersong.learning import EM
from undersong.models import HMM, Counted, ExactModel, NeuralHMM
from undersong.objectives import IWAE

MODELS = [
    lambda: HMM(8, states=3),
    lambda: HMM(8, states=2, ends=False),
    lambda: NeuralHMM(8, states=3, size=8),
    lambda: NeuralHMM(8, states=2, ends=False, size=8, layers=2),
]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_protocols():
    assert isinstance(HMM(8), Counted)
    assert isinstance(HMM(8), ExactModel)
    assert isinstance(NeuralHMM(8, size=4), ExactModel)
    assert not isinstance(NeuralHMM(8, size=4), Counted)


@pytest.mark.parametrize("make", MODELS)
def test_log_p_x_sums_over_every_state_sequence(make):
    model = make()
    expected = torch.stack([total(joint) for joint in enumerated(model, SENTENCES)])
    assert torch.allclose(model.log_marginal(SENTENCES), expected, rtol=1e-5)


@pytest.mark.parametrize("make", MODELS)
def test_probabilities_sum_to_one(make):
    s = make().scores()
    assert torch.allclose(s.initial.exp().sum(), torch.ones(()))
    leaving = s.transition.exp().sum(1) + (0.0 if s.final is None else s.final.exp())
    assert torch.allclose(leaving, torch.ones(len(leaving)))
    assert torch.allclose(s.words.exp().sum(0), torch.ones(len(leaving)))


@pytest.mark.parametrize("make", MODELS)
def test_posterior_is_the_enumerated_one(make):
    model = make().double()
    for row, joint in enumerate(enumerated(model, SENTENCES)):
        alone = Batch.of([SENTENCES.tokens[row, : SENTENCES.lengths[row]].tolist()])
        q = model.posterior(alone)
        for z, score in joint.items():
            there = torch.tensor(z)[None, None]
            assert torch.allclose(q.log_prob(there)[0, 0], score - total(joint))
            together = model.log_likelihood(alone, there) + model.prior(alone).log_prob(there)
            assert torch.allclose(together[0, 0], score)


@pytest.mark.parametrize("make", MODELS)
def test_every_importance_weight_is_p_x_so_all_bounds_are_equal(make):
    model = make()
    q = model.posterior(SENTENCES)
    d = draw(model, SENTENCES, q, q.sample((6,)))
    exact = model.log_marginal(SENTENCES)
    assert torch.allclose(d.log_w, exact.expand(6, -1), atol=1e-5)
    assert torch.allclose(IWAE(6)(d), exact, atol=1e-5)
    kl = torch.distributions.kl_divergence(q, model.prior(SENTENCES))
    z = q.sample((20_000,))
    sampled = q.log_prob(z) - model.prior(SENTENCES).log_prob(z)
    assert ((sampled.mean(0) - kl).abs() <= 4 * sampled.std(0) / 20_000**0.5 + 1e-6).all()


@pytest.mark.parametrize("make", MODELS)
def test_padding_and_neighbours_change_nothing(make):
    model = make()
    together = model.log_marginal(SENTENCES)
    for row in range(3):
        alone = Batch.of([SENTENCES.tokens[row, : SENTENCES.lengths[row]].tolist()])
        assert torch.allclose(model.log_marginal(alone)[0], together[row])


def _hmmlearn(model: HMM) -> CategoricalHMM:
    other = CategoricalHMM(model.latent, n_iter=1, init_params="", n_features=model.vocab)
    s = model.scores()
    other.startprob_ = s.initial.exp().detach().double().numpy()
    other.transmat_ = s.transition.exp().detach().double().numpy()
    other.emissionprob_ = s.words.T.exp().detach().double().numpy()
    for name in ("startprob_", "transmat_", "emissionprob_"):  # it wants rows that sum to 1 in double
        p = getattr(other, name)
        setattr(other, name, p / p.sum(-1, keepdims=True))
    return other


def test_likelihood_and_one_em_step_agree_with_hmmlearn():
    vocab, x = 40, random_text(60, 40)
    model = HMM(vocab, states=6, ends=False, smoothing=0.0)
    other = _hmmlearn(model)
    words = torch.cat([x.tokens[i, : x.lengths[i]] for i in range(len(x))]).numpy()[:, None]
    lengths = x.lengths.numpy()
    assert float(model.log_marginal(x).detach().double().sum()) == pytest.approx(other.score(words, lengths), rel=1e-5)
    other.fit(words, lengths)
    em = EM(system(model))
    for rows in (slice(0, 25), slice(25, 60)):
        em.step(replace(x, tokens=x.tokens[rows], lengths=x.lengths[rows], index=x.index[rows]), 0)
    em.end_epoch()
    s = model.scores()
    assert np.allclose(s.initial.exp().detach(), other.startprob_, rtol=1e-5, atol=1e-7)
    assert np.allclose(s.transition.exp().detach(), other.transmat_, rtol=1e-5, atol=1e-7)
    assert np.allclose(s.words.T.exp().detach(), other.emissionprob_, rtol=1e-5, atol=1e-7)
    assert float(model.log_marginal(x).detach().double().sum()) == pytest.approx(other.score(words, lengths), rel=1e-5)


def test_neural_hmm_gradient_agrees_with_finite_differences():
    model = NeuralHMM(8, states=3, size=5).double()
    for parameter in model.parameters():
        found, expected = directional_derivative(lambda: model.log_marginal(SENTENCES).sum(), parameter)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_tags_restrict_the_posterior():
    model = HMM(8, states=3)
    tags = torch.full((3, 4), -1)
    tags[0, 1], tags[2, 3] = 2, 0
    x = replace(SENTENCES, tags=tags)
    q = model.posterior(x, given=True)
    for row, joint in enumerate(enumerated(model, SENTENCES)):
        agreeing = {
            z: v for z, v in joint.items() if all(t in (-1, k) for t, k in zip(tags[row].tolist(), z, strict=False))
        }
        assert torch.allclose(q.log_partition[row], total(agreeing))
    z = q.sample((50,))
    assert (z[:, 0, 1] == 2).all()
    assert (z[:, 2, 3] == 0).all()
    assert torch.equal(model.posterior(x).log_partition, model.log_marginal(SENTENCES))


def test_a_tag_that_is_no_state_is_one_clear_error():
    x = replace(SENTENCES, tags=torch.full((3, 4), 7))
    with pytest.raises(UserError, match="tag number 7, and the model only 3 states"):
        HMM(8, states=3).posterior(x, given=True)


def test_no_states_is_an_error():
    with pytest.raises(UserError, match="states is 0: it must be at least 1"):
        HMM(8, states=0)


@pytest.mark.parametrize("make", [*MODELS, lambda: HMM(8, states=1, smoothing=0.0)])
def test_an_empty_sentence_is_impossible_and_never_nan(make):
    model = make()
    x = Batch.of([[5, 6], []])
    assert model.log_marginal(x)[1] == -torch.inf
    finite = model.log_marginal(x)[0]
    finite.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    z = model.posterior(x).sample((2,))
    assert (model.log_likelihood(x, z)[:, 1] == -torch.inf).all()
