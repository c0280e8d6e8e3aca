"""The factorial HMM: exact sums against enumeration and a flat HMM, the mean-field bound below them, EM with either."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.models.factorial import VOCAB, enumerated, text
from tests.models.learning import climb, never_fell, system
from tests.models.sequences import SENTENCES
from tests.models.vectors import planted_vectors

from undersong.data.batch import Batch
from undersong.distributions.factorial_chain import FactoredChains
from undersong.distributions.semirings import LOG
from undersong.draw import draw
from undersong.errors import UserError
from undersong.inference import Exact, StructuredMeanField
from undersong.learning import EM
from undersong.models import HMM, Counted, ExactModel, FactorialHMM, event
from undersong.nets.factorial_emissions import ProductTable
from undersong.nets.gaussian_sum import GaussianSum


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("chains", [1, 2])
def test_log_p_x_sums_over_all_joint_states(emission, ends, chains):
    model = FactorialHMM(VOCAB, chains=chains, states=2, ends=ends, emission=emission)
    expected = torch.stack([torch.stack(list(enumerated(model, SENTENCES, r).values())).logsumexp(0) for r in range(3)])
    assert torch.allclose(model.log_marginal(SENTENCES), expected, rtol=1e-5)
    q = model.posterior(SENTENCES)
    d = draw(model, SENTENCES, q, q.sample((6,)))
    assert torch.allclose(d.log_w, expected.expand(6, -1), rtol=1e-4)
    z = q.sample((20_000,))
    sampled = q.log_prob(z) - model.prior(SENTENCES).log_prob(z)
    kl = torch.distributions.kl_divergence(q, model.prior(SENTENCES))
    assert ((sampled.mean(0) - kl).abs() <= 4 * sampled.std(0) / 20_000**0.5 + 1e-5).all()
    assert isinstance(model, Counted)
    assert isinstance(model, ExactModel)
    assert event(model).startswith("word vectors " if model.emission.density else "words")
    assert event(model).endswith(" and end of sentence") == ends


def test_it_is_the_flat_hmm_of_its_joint_states():
    """The Kronecker product of all chains' tables, recursed as one."""
    for chains, states in ((4, 2), (3, 3), (1, 5)):
        model = FactorialHMM(VOCAB, chains=chains, states=states, ends=False)
        flat = HMM(VOCAB, states=states**chains, ends=False)
        initial, transition = model.initial()[0], model.transition()[0]
        for m in range(1, chains):
            initial = (initial[:, None] + model.initial()[m]).flatten()
            transition = (transition[:, None, :, None] + model.transition()[m][None, :, None]).flatten(2).flatten(0, 1)
        with torch.no_grad():
            flat.initial.logits.copy_(initial)
            flat.transition.logits.copy_(transition)
            flat.words.logits.copy_(model.emission.words())
        x = text(10)
        ours, theirs = model.posterior(x), flat.posterior(x)
        assert torch.allclose(ours.log_partition, theirs.log_partition, rtol=1e-5)
        assert torch.allclose(ours.inside(LOG), theirs.log_partition, rtol=1e-5)  # one chain at a time
        assert torch.allclose(ours.marginals[2], theirs.marginals[2], atol=1e-5)
        assert torch.allclose(ours.best, theirs.best, rtol=1e-5)
        assert torch.equal(ours.mode, theirs.mode)
        assert torch.allclose(ours.entropy(), theirs.entropy(), atol=1e-4)


@pytest.mark.parametrize("chains", [1, 2, 3])
def test_mean_field_bounds_log_p_x_from_below(emission, chains):
    model = FactorialHMM(VOCAB, chains=chains, states=3, emission=emission)
    x = text(30)
    exact = model.log_marginal(x)
    bound = StructuredMeanField(VOCAB, model.latent)(model, x, 0).bound
    assert (bound <= exact + 1e-4 * exact.abs()).all()
    if chains == 1:
        assert torch.allclose(bound, exact, rtol=1e-5)
    else:
        assert float((exact - bound).detach().mean()) > 1e-3


def test_the_bound_is_what_it_says():
    """E_q[log p(x, z) - log q(z)], by samples of q."""
    model = FactorialHMM(VOCAB, chains=2, states=3)
    x = text(5)
    q = StructuredMeanField(VOCAB, 9, sweeps=3)(model, x, 0)
    z = q.sample((20_000,))
    each = model.log_likelihood(x, z) + model.prior(x).log_prob(z) - q.log_prob(z)
    assert ((each.mean(0) - q.bound).abs() <= 4 * each.std(0) / 20_000**0.5 + 1e-4).all()
    assert q.log_partition is q.bound
    entropy = -q.log_prob(z)
    assert ((entropy.mean(0) - q.entropy()).abs() <= 4 * entropy.std(0) / 20_000**0.5 + 1e-4).all()
    kl = torch.distributions.kl_divergence(q, model.prior(x))
    rate = q.log_prob(z) - model.prior(x).log_prob(z)
    assert ((rate.mean(0) - kl).abs() <= 4 * rate.std(0) / 20_000**0.5 + 1e-4).all()


def test_the_bound_rises_from_sweep_to_sweep(emission):
    model = FactorialHMM(VOCAB, chains=3, states=2, emission=emission)
    x = text(20)
    bounds = torch.stack([StructuredMeanField(VOCAB, 8, sweeps=n)(model, x, 0).bound for n in range(1, 8)]).detach()
    assert (bounds.diff(dim=0) >= -1e-4 * bounds.abs().max()).all()
    assert float(bounds[-1].mean() - bounds[0].mean()) > 0


def test_mean_field_is_close_where_chains_hardly_meet():
    """Words that depend on the first chain alone, but for a little: the posterior nearly factors."""
    gaps = []
    for coupling in (0.0, 0.1, 1.0):
        torch.manual_seed(0)
        model = FactorialHMM(VOCAB, chains=2, states=3)
        with torch.no_grad():
            alone = torch.randn(VOCAB, 3, 1).expand(-1, 3, 3).flatten(1)
            model.emission.words.logits.copy_(alone + coupling * torch.randn(VOCAB, 9))
        x = text(30)
        bound = StructuredMeanField(VOCAB, 9)(model, x, 0).bound
        gaps.append(float((model.log_marginal(x) - bound).detach().mean()))
    assert abs(gaps[0]) < 1e-3
    assert gaps[1] < 0.05
    assert gaps[0] < gaps[1] < gaps[2]


def test_too_many_joint_states(tmp_path):
    file = planted_vectors(tmp_path / "v.safetensors", VOCAB, 4, size=3)
    model = FactorialHMM(VOCAB, chains=8, states=3, emission=partial(GaussianSum, vectors=file))
    with pytest.raises(UserError, match=r"6561 joint states.*StructuredMeanField"):
        model.posterior(SENTENCES)
    q = StructuredMeanField(VOCAB, model.latent, sweeps=2)(model, SENTENCES, 0)
    assert isinstance(q, FactoredChains)
    assert torch.isfinite(q.bound).all()
    z = q.sample((3,))
    assert torch.isfinite(draw(model, SENTENCES, q, z).log_w).all()
    assert q.mode.shape == (3, 4)
    em = EM(system(model, StructuredMeanField), tolerance=0.0)
    assert never_fell(em, climb(em, [text(30)], 4))
    with pytest.raises(UserError, match="room for 1024"):
        FactorialHMM(VOCAB, chains=8, states=3)
    with pytest.raises(UserError, match="chains is 0: it must be at least 1"):
        FactorialHMM(VOCAB, chains=0)
    with pytest.raises(UserError, match="FactorialHMM apart"):
        StructuredMeanField(VOCAB, 3)(HMM(VOCAB, states=3), SENTENCES, 0)


def test_tags_are_states_of_the_first_chain():
    model = FactorialHMM(VOCAB, chains=2, states=2)
    tags = torch.full((3, 4), -1)
    tags[0, 1] = 1
    x = replace(SENTENCES, tags=tags)
    agreeing = [v for z, v in enumerated(model, x, 0).items() if z[1] // 2 == 1]
    assert torch.allclose(
        model.posterior(x, given=True).log_partition[0], torch.stack(agreeing).logsumexp(0), rtol=1e-5
    )
    with pytest.raises(UserError, match="tag number 2"):
        model.posterior(replace(x, tags=tags + 3 * (tags < 0)), given=True)


def test_ends_after_one_word_only_are_no_nonsense():
    """Where no sentence was ever seen to go on, one that does is impossible, and one word is one word."""
    model = FactorialHMM(VOCAB, chains=2, states=2, smoothing=0.0)
    model.ending.maximise(torch.tensor([0.0, 5.0]))
    found = model.log_marginal(Batch.of([[5], [6, 5]]))
    assert torch.isfinite(found[0])
    assert found[1] == -torch.inf
    found[0].backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    kinder = FactorialHMM(VOCAB, chains=2, states=2)
    kinder.ending.maximise(torch.tensor([0.0, 5.0]))
    assert torch.isfinite(kinder.log_marginal(Batch.of([[6, 5]]))).all()


def test_a_word_that_no_state_says_is_impossible_to_either_inference():
    """Its sentence is not learned from: else the M-step would make it possible by what stands for -inf."""
    model = FactorialHMM(VOCAB, chains=2, states=2, smoothing=0.0, emission=partial(ProductTable, smoothing=0.0))
    counts = torch.ones_like(model.emission.words.logits)
    counts[6] = 0
    model.emission.words.maximise(counts)
    x = Batch.of([[5, 4], [5, 6], [4, 4, 5]])
    for inference in (Exact(VOCAB, 4), StructuredMeanField(VOCAB, 4)):
        bound, found = model.expect(x, inference(model, x, 0))
        assert (bound > -torch.inf).tolist() == [True, False, True]
        possible = x_of(x, [0, 2])
        alone = model.expect(possible, inference(model, possible, 0))[1]
        for name, count in found.items():
            torch.testing.assert_close(count, alone[name], atol=1e-5, rtol=1e-5)


def x_of(x: Batch, rows: list[int]) -> Batch:
    return Batch(x.tokens[rows], x.lengths[rows], x.index[rows])
