"""What one climb of EM keeps account of: its objective, what falls are rounding, and how it stands when restored."""

from collections.abc import Callable

import pytest
import torch
from tests.learning.counting import VOCAB, random_batches
from tests.models.learning import system
from torch import Tensor

from undersong.data.batch import Batch
from undersong.learning import EM, ViterbiEM
from undersong.learning.climb import CONVERGED, FELL, GOING, Climb
from undersong.models import HMM


def climbed(bounds: list[float], tolerance: float = 0.0) -> tuple[Climb, HMM]:
    """An M-step after each of these bounds on one sentence, of a model without prior."""
    model = HMM(VOCAB, 2, smoothing=0.0)
    climb = Climb.of(model)
    for bound in bounds:
        with model.counting(), torch.enable_grad():
            _, counts = model.expect(x := random_batches(count=1)[0], model.posterior(x))
        climb.add(torch.tensor([bound, -torch.inf], dtype=torch.float64), counts)
        climb.maximise(model, tolerance)
    return climb, model


@pytest.mark.parametrize("start", [-1.0, -100.0, 50.0])
def test_a_fall_of_more_than_float32_rounds_is_undone(start: float) -> None:
    size = 1 + abs(start)
    climb, model = climbed([start, start - 1e-4 * size])
    assert climb.ended == FELL
    assert climb.objective == start  # of the parameters that are left
    assert all(torch.equal(t, climb.before[name]) for name, t in model.state_dict().items())
    assert climbed([start, start - 1e-6 * size])[0].ended == CONVERGED
    assert climbed([start, start + 1e-4 * size])[0].ended == GOING


def test_impossible_sentences_have_no_part_in_the_objective() -> None:
    climb, _ = climbed([-7.0])
    assert climb.objective == -7.0
    assert climb.left_out == 0.5


@pytest.mark.parametrize("learner", [EM, ViterbiEM])
def test_the_objective_is_the_bound_and_the_prior_of_possible_sentences(learner: Callable[..., EM]) -> None:
    torch.manual_seed(2)
    model = HMM(VOCAB, 3, smoothing=0.2).double()
    possible = Batch.of([[5, 6, 7], [8, 8]])
    q = model.posterior(possible)
    z = q.top_k(9)[0]  # of two words, all there are
    joint: Tensor = q.score(q.mode[None])[0] if learner is ViterbiEM else model.log_marginal(possible)
    assert bool((q.score(z) <= q.score(q.mode[None])).all())
    prior = 0.2 * sum(float(table().detach().sum()) for table in (model.initial, model.transition, model.words))
    want = (float(joint.sum()) + prior) / 2
    em = learner(system(model))
    em.step(Batch.of([[5, 6, 7], [], [8, 8]]), 0)  # without words a sentence is impossible
    found = em.end_epoch()
    assert float(found["objective"]) == pytest.approx(want, rel=1e-9)
    assert float(found["impossible"]) == pytest.approx(1 / 3)


def test_a_restored_climb_stands_where_it_stood() -> None:
    climb, model = climbed([-5.0, -6.0])
    again = Climb.restored(climb.state())
    assert (again.ended, again.epochs, again.objective, again.left_out) == (FELL, 1, -5.0, 0.5)
    assert type(again.ended) is int
    again.enter(model)
    assert all(torch.equal(t, climb.now[name]) for name, t in model.state_dict().items())
