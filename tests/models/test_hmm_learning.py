"""Hidden Markov models learn: what EM promises, planted chains are found, tags help, odd corpora give no NaN."""

from dataclasses import replace

import pytest
import torch
from tests.models.learning import climb, never_fell, system
from tests.models.sequences import random_text

from undersong.data.batch import Batch
from undersong.inference import Exact, Observed
from undersong.learning import EM, Gradient
from undersong.learning.em import ViterbiEM
from undersong.models import HMM, NeuralHMM


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("learner", [EM, ViterbiEM])
@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_em_never_lowers_its_objective(learner, ends, smoothing):
    x = random_text(50, 20)
    em = learner(system(HMM(20, states=4, ends=ends, smoothing=smoothing)), tolerance=0.0)
    values = climb(em, [x], 25)
    assert never_fell(em, values)
    assert values[-1] > values[0] + 0.1


def _planted() -> HMM:
    """Four classes of six words each, which follow each other by rule most of the time."""
    model = HMM(28, states=4, smoothing=0.0)
    initial = torch.tensor([0.7, 0.1, 0.1, 0.1])
    rows = torch.tensor(
        [
            [0.05, 0.8, 0.05, 0.05, 0.05],
            [0.05, 0.05, 0.8, 0.05, 0.05],
            [0.1, 0.05, 0.05, 0.6, 0.2],
            [0.5, 0.1, 0.1, 0.1, 0.2],
        ]
    )
    words = torch.full((28, 4), 0.01)
    for k in range(4):
        words[4 + 6 * k : 10 + 6 * k, k] = torch.tensor([5.0, 3.0, 2.0, 1.0, 1.0, 1.0])
    words[:4] = 0
    model.initial.maximise(initial)
    model.transition.maximise(rows)
    model.words.maximise(words)
    return model


def test_em_recovers_a_planted_hmm():
    truth = _planted()
    noise = torch.Generator().manual_seed(1)
    _, train = truth.sample(1500, generator=noise)
    _, held_out = truth.sample(1500, generator=noise)
    model = HMM(28, states=4, smoothing=0.1)
    learner = EM(system(model), restarts=3, tolerance=1e-5)
    climb(learner, [train], 60)
    best, found = truth.log_marginal(held_out).mean(), model.log_marginal(held_out).mean()
    assert abs(found - best) < 0.01 * abs(best)


def test_samples_have_the_models_own_statistics():
    model = _planted()
    z, x = model.sample(4000, generator=torch.Generator().manual_seed(3))
    first = torch.bincount(z[:, 0], minlength=4) / 4000
    p = model.scores().initial.exp()
    assert ((first - p).abs() < 4 * (p * (1 - p) / 4000).sqrt()).all()
    steps = torch.ones(4)
    for _ in range(200):  # expected remaining words from each state
        steps = 1 + model.scores().transition.exp() @ steps
    expected = float((p @ steps).detach())
    lengths = x.lengths.double()
    assert abs(float(lengths.mean()) - expected) < 4 * float(lengths.std()) / 4000**0.5
    assert int(x.tokens[x.mask[:, 1:]].min()) >= 4


def test_neural_hmm_learns_by_gradient():
    truth = _planted()
    _, x = truth.sample(300, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(1)  # from some starts it finds a lesser optimum
    model = NeuralHMM(28, states=4, size=32)
    learner = Gradient(system(model), lr=0.01)
    losses = [float(learner.step(x, step)["loss"]) for step in range(120)]
    assert losses[0] > losses[-1] + 5
    assert losses[-1] < 1.01 * -float(truth.log_marginal(x).detach().mean())


def test_tags_raise_accuracy():
    """A tenth of the words carry their true state: EM then names its states right, which it cannot alone."""
    truth = _planted()
    z, x = truth.sample(400, generator=torch.Generator().manual_seed(5))
    known = torch.rand(z.shape, generator=torch.Generator().manual_seed(6)) < 0.1
    tagged = replace(x, tags=torch.where(known & x.mask[:, 1:], z, -1))

    def accuracy(inference) -> float:
        torch.manual_seed(1)
        model = HMM(28, states=4, smoothing=0.1)
        climb(EM(system(model, inference), tolerance=1e-5), [tagged], 30)
        return float((model.posterior(x).mode == z)[x.mask[:, 1:]].double().mean())

    assert accuracy(Observed) > 0.8
    assert accuracy(Observed) > accuracy(Exact) + 0.1


def test_tags_that_cannot_be_are_left_out_and_never_nan():
    """States 0 and 1 never write word 5, and the tag says that one did: that sentence teaches nothing."""
    model = HMM(8, states=3, smoothing=0.0)
    words = torch.ones(8, 3)
    words[5, :2] = 0
    model.words.maximise(words)
    tags = torch.tensor([[1, -1], [-1, -1]])
    x = replace(Batch.of([[5, 6], [5, 6]]), tags=tags)
    climb(EM(system(model, Observed)), [x], 1)
    assert not any(p.isnan().any() for p in model.parameters())
    assert model.posterior(x, given=True).log_partition[0] == -torch.inf
    assert model.log_marginal(x)[1] > -torch.inf


def test_degenerate_corpora_never_give_nan():
    for sentences in ([[5]] * 4, [[5, 5, 5]], [[5, 6], []], [[4, 4, 4, 4, 4], [5]]):
        for learner in (EM, ViterbiEM):
            model = HMM(8, states=5, smoothing=0.0)
            climb(learner(system(model)), [Batch.of(sentences)], 15)
            value = model.log_marginal(Batch.of(sentences))
            assert not value.isnan().any()
            assert (value[Batch.of(sentences).lengths > 0] > -torch.inf).all()
            assert not any(p.isnan().any() for p in model.parameters())
