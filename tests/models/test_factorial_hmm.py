"""The factorial HMM: exact sums against enumeration and a flat HMM, the mean-field bound below them, EM with either."""

import itertools
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.sequences import SENTENCES
from tests.models.vectors import planted_vectors

from undersong.data.batch import Batch
from undersong.distributions.factorial_chain import FactoredChains, digits
from undersong.distributions.semirings import LOG
from undersong.draw import draw
from undersong.errors import UserError
from undersong.estimators import Marginal
from undersong.inference import Exact, StructuredMeanField
from undersong.learning import EM, Gradient, System
from undersong.learning.em import ViterbiEM
from undersong.models import HMM, Counted, ExactModel, FactorialHMM, event
from undersong.nets.factorial_emissions import ProductTable
from undersong.nets.gaussian_sum import GaussianSum
from undersong.objectives import ELBO

VOCAB = 12


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(params=["words", "vectors"])
def emission(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "words":
        return partial(ProductTable, smoothing=0.01)
    return partial(GaussianSum, vectors=planted_vectors(tmp_path / "v.safetensors", VOCAB, 4, size=3))


def text(sentences: int, seed: int = 0) -> Batch:
    """Words in a ring, with noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(sentences):
        length = rng.integers(1, 8)
        ring = (rng.integers(8) + np.arange(length)) % 8
        rows.append((4 + np.where(rng.random(length) < 0.2, rng.integers(8, size=length), ring)).tolist())
    return Batch.of(rows)


def enumerated(model: FactorialHMM, x: Batch, row: int) -> dict[tuple[int, ...], torch.Tensor]:
    """log p(x, z) of every sequence of joint states, chain by chain."""
    which, length = digits(model.chains, model.states), int(x.lengths[row])
    initial, transition = model.initial(), model.transition()
    emission = model.emission.joint(x)[row]
    found = {}
    for z in itertools.product(range(model.latent), repeat=length):
        score = torch.zeros(())
        if model.ending is not None:
            on, stop = model.ending()
            score = score + (length - 1) * on + stop
        for t, joint in enumerate(z):
            score = score + emission[t, joint]
            for m in range(model.chains):
                now = which[m, joint]
                score = score + (initial[m, now] if t == 0 else transition[m, which[m, z[t - 1]], now])
        found[z] = score
    return found


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


def climb(learner: EM, x: Batch, epochs: int) -> list[float]:
    system, values = learner.system, []
    for epoch in range(epochs):
        q = system.posterior(x)
        total = q.best if isinstance(learner, ViterbiEM) else q.log_partition
        values.append(float(total.detach().double().sum() + system.model.log_prior().detach()) / len(x))
        learner.step(x, epoch)
        learner.end_epoch()
        if learner.finished():
            break
    return values


def system(model, inference=Exact) -> System:
    return System(model, inference(model.vocab, model.latent), Marginal(), ELBO())


def test_exact_em_never_lowers_its_objective(emission):
    for learner in (EM, ViterbiEM):
        torch.manual_seed(0)
        model = FactorialHMM(VOCAB, chains=2, states=3, emission=emission)
        values = climb(learner(system(model), tolerance=0.0), text(40), 15)
        assert min(np.diff(values)) >= -1e-5 * abs(values[0])
        assert values[-1] > values[0] + 0.1


def test_variational_em_never_lowers_its_bound(emission):
    model = FactorialHMM(VOCAB, chains=3, states=2, emission=emission)
    learner = EM(system(model, StructuredMeanField), tolerance=0.0)
    values = climb(learner, text(30), 8)
    assert min(np.diff(values)) >= -1e-5 * abs(values[0])
    assert values[-1] > values[0] + 0.1


def test_one_exact_em_step_takes_the_enumerated_counts():
    words = partial(ProductTable, smoothing=0.0)
    model = FactorialHMM(VOCAB, chains=2, states=2, ends=False, smoothing=0.0, emission=words).double()
    pairs, said, which = torch.zeros(2, 2, 2).double(), torch.zeros(VOCAB, 4).double(), digits(2, 2)
    for row in range(len(SENTENCES)):
        joint = enumerated(model, SENTENCES, row)
        p = torch.stack(list(joint.values())).softmax(0).detach()
        for z, weight in zip(joint, p, strict=True):
            for t, state in enumerate(z):
                said[SENTENCES.tokens[row, t], state] += weight
            for (a, b), m in itertools.product(itertools.pairwise(z), range(2)):
                pairs[m, which[m, a], which[m, b]] += weight
    _, counts = model.expect(SENTENCES, model.posterior(SENTENCES))
    assert torch.allclose(counts["transition"], pairs)
    assert torch.allclose(counts["emission.words"], said)
    model.maximise(counts)
    assert torch.allclose(model.emission.words().exp(), said / said.sum(0))
    assert torch.allclose(model.transition().exp(), pairs / pairs.sum(-1, keepdim=True))


def test_gaussian_m_step_is_least_squares(tmp_path):
    """With the states known, the closed form is regression on their indicators: its gradient vanishes."""
    file = planted_vectors(tmp_path / "v.safetensors", VOCAB, 4, size=3)
    model = FactorialHMM(VOCAB, chains=2, states=2, emission=partial(GaussianSum, vectors=file, floor=1e-9))
    x = text(60)
    q = model.posterior(x)
    joint = q.marginals[2].detach()
    model.emission.maximise(model.emission.count(x, joint))
    value = (model.emission.joint(x) * joint).sum()
    value.backward()
    for parameter in (model.emission.means, model.emission.below, model.emission.log_diagonal):
        assert parameter.grad.abs().max() < 2e-2 * float(joint.sum()) ** 0.5
    apart = torch.stack([joint.unflatten(-1, (2, 2)).sum(-1), joint.unflatten(-1, (2, 2)).sum(-2)], 2)
    product = (apart[:, :, 0, :, None] * apart[:, :, 1, None]).flatten(2)
    one, two = model.emission.count(x, product), model.emission.count_apart(x, apart)
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)


def test_gradient_climbs_the_bound():
    model = FactorialHMM(VOCAB, chains=3, states=2)
    learner = Gradient(system(model, StructuredMeanField), lr=0.05)
    x = text(40)
    losses = [float(learner.step(x, step)["loss"]) for step in range(12)]
    assert losses[-1] < losses[0] - 0.5


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
    values = climb(EM(system(model, StructuredMeanField), tolerance=0.0), text(30), 4)
    assert min(np.diff(values)) >= -1e-5 * abs(values[0])
    with pytest.raises(UserError, match="room for 1024"):
        FactorialHMM(VOCAB, chains=8, states=3)
    with pytest.raises(UserError, match="1 or more"):
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


def test_samples_and_empty_sentences(emission):
    model = FactorialHMM(VOCAB, chains=2, states=2, emission=emission)
    z, x = model.sample(3000, max_words=60, generator=torch.Generator().manual_seed(0))
    p = float(model.ending().detach().exp()[1])
    assert abs(float((x.lengths == 1).double().mean()) - p) < 4 * (p * (1 - p) / 3000) ** 0.5
    first = float(model.initial().detach().exp()[0, 0])
    assert abs(float((z[:, 0] < 2).double().mean()) - first) < 4 * (first * (1 - first) / 3000) ** 0.5
    assert not x.tokens[~x.mask[:, 1:]].any()
    for inference in (Exact, StructuredMeanField):
        empty = Batch.of([[5, 6], []])
        q = system(model, inference).posterior(empty)
        assert q.log_partition[1] == -torch.inf
        assert torch.isfinite(q.log_partition[0])
        _, counts = model.expect(empty, q)
        assert all(torch.isfinite(c).all() for c in counts.values())
        assert float(counts["initial"].sum()) == pytest.approx(2.0, abs=1e-4)
        climb(EM(system(model, inference)), empty, 5)
        assert not any(t.isnan().any() for t in model.parameters())
