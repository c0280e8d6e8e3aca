"""Stepwise EM: its averages by hand, the wait before its first step, and that it learns."""

from functools import partial

import pytest
import torch
from tests.learning.counting import VOCAB, random_batches
from tests.models.learning import climb, system

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.learning import EM, StepwiseEM
from undersong.models import DMV, HMM, MixtureOfUnigrams


def test_stepwise_em_with_all_data_and_full_steps_is_em() -> None:
    x = random_batches(count=1)[0]
    ends = []
    for learner in (partial(EM, tolerance=0.0), partial(StepwiseEM, alpha=0.0)):
        torch.manual_seed(2)
        model = MixtureOfUnigrams(VOCAB, 3, smoothing=0.3).double()
        climb(learner(system(model)), [x], epochs=5)
        ends.append(model.words().detach())
    torch.testing.assert_close(*ends, atol=1e-12, rtol=0)


def test_stepwise_em_averages_with_falling_steps() -> None:
    """Two steps by hand: s = sum of eta-weighted mean counts, normalised by the weights' sum, times N."""
    first, second = random_batches(count=2)
    torch.manual_seed(2)
    model = MixtureOfUnigrams(VOCAB, 3, smoothing=0.3).double()
    learner = StepwiseEM(system(model), alpha=0.7, wait=0)
    found = []
    for step, x in enumerate((first, second)):
        with model.counting():
            found.append(model.expect(x, model.posterior(x))[1]["words"] / len(x))
        learner.step(x, step)
    one, two = 2**-0.7, 3**-0.7
    mean = ((1 - two) * one * found[0] + two * found[1]) / ((1 - two) * one + two)
    expected = 24 * mean + 0.3
    torch.testing.assert_close(model.words().exp(), expected / expected.sum(0))


@pytest.mark.parametrize("sizes", [(12, 5, 1), (1, 5, 12), (1, 12, 5)])
def test_a_sentence_weighs_as_much_in_a_small_batch_as_in_a_large_one(sizes: tuple[int, ...]) -> None:
    """With alpha 1 the steps weigh all batches of an epoch alike: its M-step is then that of batch EM."""
    batches = [random_batches(seed=size, count=1, size=size)[0] for size in sizes]
    ends = []
    for learner in (partial(EM, tolerance=0.0), partial(StepwiseEM, alpha=1.0)):
        torch.manual_seed(2)
        model = HMM(VOCAB, 3, smoothing=0.3).double()
        climb(learner(system(model)), batches, epochs=1)
        ends.append(torch.cat([table().detach().exp().flatten() for table in model.tables.values()]))
    torch.testing.assert_close(*ends, atol=1e-12, rtol=0)


def test_stepwise_em_with_impossible_sentences_is_em_of_the_others() -> None:
    """Batches of impossible sentences alone say nothing, and smoothing weighs what it weighs in batch EM."""
    x = random_batches(count=1)[0]
    never = Batch.of([[VOCAB, 5]] * 7)
    ends = []
    for learner in (partial(EM, tolerance=0.0), partial(StepwiseEM, alpha=0.0)):
        torch.manual_seed(2)
        model = MixtureOfUnigrams(VOCAB + 1, 3, smoothing=0.3).double()
        with torch.no_grad():
            model.words.logits[VOCAB] = -torch.inf
        climb(learner(system(model)), [x, never], epochs=1)
        ends.append(model.words().detach())
    torch.testing.assert_close(*ends, atol=1e-12, rtol=0)


def test_a_corpus_of_impossible_sentences_is_refused() -> None:
    model = MixtureOfUnigrams(VOCAB, 3)
    with torch.no_grad():
        model.words.logits[5] = -torch.inf
    with pytest.raises(UserError, match="No sentence is possible"):
        climb(StepwiseEM(system(model)), [Batch.of([[5, 6]])], epochs=1)


def test_stepwise_em_waits_for_an_epoch() -> None:
    batches = random_batches()
    model = MixtureOfUnigrams(VOCAB, 3)
    learner, before = StepwiseEM(system(model)), model.words().detach()
    for step, x in enumerate(batches):
        learner.step(x, step)
        assert torch.equal(model.words(), before)
    learner.end_epoch()
    after = model.words().detach()
    assert not torch.equal(after, before)
    learner.step(batches[0], 3)
    assert not torch.equal(model.words(), after)


def test_stepwise_em_waits_as_many_steps_as_it_is_told_though_they_be_more_than_an_epoch() -> None:
    batches = random_batches()
    model = MixtureOfUnigrams(VOCAB, 3)
    learner, before = StepwiseEM(system(model), wait=4), model.words().detach()
    for step in range(4):
        learner.step(batches[step % 3], step)
        if step == 2:
            learner.end_epoch()
        assert torch.equal(model.words(), before)
    learner.step(batches[1], 4)
    assert not torch.equal(model.words(), before)
    assert learner.first(3) == 5


@pytest.mark.parametrize("wait", [0, 1, 3])
def test_every_batch_before_the_first_m_step_is_counted_under_the_starting_guess(wait: int) -> None:
    """Those that it waits and the one that its first M-step follows: the tables are still random ones."""
    batches = random_batches(count=wait + 1)
    model = DMV(VOCAB, smoothing=0.2).double()
    learner = StepwiseEM(system(model), alpha=0.7, wait=wait)
    mean, weight = torch.zeros_like(model.decide.logits), 0.0
    for step, x in enumerate(batches):
        eta = (step + 2) ** -0.7
        mean = (1 - eta) * mean + eta * model.begin(x)["decide"] / len(x)
        weight = (1 - eta) * weight + eta
        learner.step(x, step)
    expected = len(batches) * 12 * mean / weight + 0.2
    torch.testing.assert_close(model.decide().exp(), expected / expected.sum(-1, keepdim=True))


def test_stepwise_em_learns() -> None:
    batches = random_batches(count=6)
    model = MixtureOfUnigrams(VOCAB, 3)
    before = model.log_marginal(batches[0]).detach().mean()
    climb(StepwiseEM(system(model)), batches, epochs=10)
    assert model.log_marginal(batches[0]).detach().mean() > before + 0.5


def test_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UserError, match="alpha"):
        StepwiseEM(system(MixtureOfUnigrams(VOCAB)), alpha=2.0)
    with pytest.raises(UserError, match="wait"):
        StepwiseEM(system(MixtureOfUnigrams(VOCAB)), wait=-1)
