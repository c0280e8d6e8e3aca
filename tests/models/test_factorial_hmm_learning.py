"""Factorial HMMs learn: counts against enumeration, least squares, and what EM promises, exact or on the bound."""

import itertools
from functools import partial

import pytest
import torch
from tests.models.factorial import VOCAB, enumerated, text
from tests.models.learning import climb, never_fell, system
from tests.models.sequences import SENTENCES
from tests.models.vectors import planted_vectors

from undersong.data.batch import Batch
from undersong.distributions.factorial_chain import digits
from undersong.inference import Exact, StructuredMeanField
from undersong.learning import EM, Gradient, ViterbiEM
from undersong.models import FactorialHMM
from undersong.nets.factorial_emissions import ProductTable
from undersong.nets.gaussian_sum import GaussianSum


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("learner", [EM, ViterbiEM])
def test_exact_em_never_lowers_its_objective(emission, learner):
    em = learner(system(FactorialHMM(VOCAB, chains=2, states=3, emission=emission)), tolerance=0.0)
    values = climb(em, [text(40)], 15)
    assert never_fell(em, values)
    assert values[-1] > values[0] + 0.1


def test_variational_em_never_lowers_its_bound(emission):
    model = FactorialHMM(VOCAB, chains=3, states=2, emission=emission)
    learner = EM(system(model, StructuredMeanField), tolerance=0.0)
    values = climb(learner, [text(30)], 8)
    assert never_fell(learner, values)
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


def test_chains_kept_apart_count_their_own_best_and_bound_it_by_its_joint(emission):
    model = FactorialHMM(VOCAB, chains=2, states=2, emission=emission)
    x = text(6)
    q = StructuredMeanField(VOCAB, 4)(model, x, 0)
    bound, counts = model.expect(x, q, hard=True)
    best = [chain.mode for chain in q.chains]
    z = 2 * best[0] + best[1]
    for row, words in enumerate(x.lengths.tolist()):
        joint = enumerated(model, x, row)
        assert float(bound[row]) == pytest.approx(float(joint[tuple(z[row, :words].tolist())].detach()), abs=1e-3)
    for m, mode in enumerate(best):
        pairs = [tuple(mode[row, t : t + 2].tolist()) for row, n in enumerate(x.lengths) for t in range(int(n) - 1)]
        want = [[float(pairs.count((a, b))) for b in range(2)] for a in range(2)]
        assert counts["transition"][m].tolist() == want
        assert counts["initial"][m].tolist() == [float((mode[:, 0] == state).sum()) for state in range(2)]


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


def test_an_empty_sentence_is_impossible_and_never_nan(emission):
    model = FactorialHMM(VOCAB, chains=2, states=2, emission=emission)
    for inference in (Exact, StructuredMeanField):
        empty = Batch.of([[5, 6], []])
        q = system(model, inference).posterior(empty)
        assert q.log_partition[1] == -torch.inf
        assert torch.isfinite(q.log_partition[0])
        _, counts = model.expect(empty, q)
        assert all(torch.isfinite(c).all() for c in counts.values())
        assert float(counts["initial"].sum()) == pytest.approx(2.0, abs=1e-4)
        climb(EM(system(model, inference)), [empty], 5)
        assert not any(t.isnan().any() for t in model.parameters())
