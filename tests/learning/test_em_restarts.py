"""Restarts of EM: where they start, which one is held, and that all of them are resumed as they stood."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from tests.learning.counting import VOCAB, Projected, random_batches
from tests.models.learning import climb, system
from torch import Tensor, nn

from undersong.data.batch import Batch
from undersong.learning import EM, Learner, StepwiseEM, ViterbiEM
from undersong.learning.em import fresh
from undersong.models import GaussianMixture, MixtureOfUnigrams

COUNTED: dict[str, Callable[[], nn.Module]] = {
    "unigrams": partial(MixtureOfUnigrams, VOCAB, 4, smoothing=0.1),
    "gaussians, diagonal": partial(GaussianMixture, VOCAB, 3, Projected),
}


def test_the_best_in_the_end_is_held_though_another_led_at_first() -> None:
    batches = random_batches(count=2, size=20)
    changes = 0
    for seed in range(4):
        torch.manual_seed(seed)
        em = EM(system(MixtureOfUnigrams(VOCAB, 4)), restarts=5, tolerance=0.0)
        leaders = []
        for _ in range(40):
            climb(em, batches, epochs=1)
            objectives = [c.objective for c in em.climbs]
            leaders.append(max(range(5), key=objectives.__getitem__))
            held = em.system.model.state_dict()
            assert all(torch.equal(held[name], t) for name, t in em.climbs[leaders[-1]].now.items())
        changes += leaders[0] != leaders[-1]
    assert changes


def test_restarts_keep_the_best() -> None:
    batches = random_batches(count=2, size=20)
    torch.manual_seed(5)
    em = EM(system(MixtureOfUnigrams(VOCAB, 4)), restarts=6, tolerance=1e-6)
    climb(em, batches, epochs=300)
    ends = [float(c.objective) for c in em.climbs]
    assert len({round(e, 4) for e in ends}) > 1
    x = Batch.of([r[:n].tolist() for b in batches for r, n in zip(b.tokens, b.lengths, strict=True)])
    model = em.system.model
    with torch.no_grad():
        held = (float(model.log_marginal(x).double().sum()) + float(model.log_prior())) / len(x)
    assert held == pytest.approx(max(ends), abs=1e-3)
    assert held > sorted(ends)[-2] or ends.count(max(ends)) > 1
    said = em.finished()
    assert said is not None
    assert f"{max(ends):.6g}" in said


def test_every_restart_starts_elsewhere_and_from_the_seed_alone() -> None:
    model = MixtureOfUnigrams(VOCAB, 4)

    def starts(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        made = [fresh(model, number) for number in (0, 1, 2)]
        return [m.words.logits for m in made if isinstance(m, MixtureOfUnigrams)]

    first, second, third = starts(0)
    assert first is model.words.logits
    assert not torch.equal(second, third)
    assert torch.equal(starts(0)[2], third)
    assert not torch.equal(starts(1)[2], third)


def test_one_of_several_climbs_is_the_one_alone() -> None:
    batches = random_batches()
    ends = []
    for restarts in (1, 3):
        torch.manual_seed(5)
        em = EM(system(MixtureOfUnigrams(VOCAB, 4)), restarts=restarts)
        climb(em, batches, epochs=12)
        ends.append(em.climbs[0].now["words.logits"])
    assert torch.equal(*ends)


@pytest.mark.parametrize(
    "learner",
    [partial(EM, restarts=3), EM, ViterbiEM, StepwiseEM],
)
@pytest.mark.parametrize("made", ["unigrams", "gaussians, diagonal"])
@pytest.mark.parametrize("stop", [1, 7])
def test_resuming_in_the_middle_ends_with_the_same_bits(learner: Callable[..., Learner], made: str, stop: int) -> None:
    batches = random_batches()

    def walk(first: int, last: int, kept: tuple[dict[str, Tensor], dict[str, Tensor]] | None) -> Learner:
        torch.manual_seed(9)
        walker = learner(system(COUNTED[made]()))
        if kept is not None:
            walker.system.load_state_dict(kept[0])
            walker.restore(kept[1])
        for step in range(first, last):
            torch.manual_seed(100 + step)
            walker.step(batches[step % 3], step)
            if step % 3 == 2:
                walker.end_epoch()
        return walker

    whole = walk(0, 15, None)
    half = walk(0, stop, None)
    weights = {name: t.clone() for name, t in half.system.state_dict().items()}
    resumed = walk(stop, 15, (weights, {name: t.clone() for name, t in half.state().items()}))
    for one, other in ((whole.system.state_dict(), resumed.system.state_dict()), (whole.state(), resumed.state())):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
