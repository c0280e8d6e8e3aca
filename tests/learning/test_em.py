"""Expectation maximisation: it never falls, it agrees with closed forms and other libraries, and it resumes exactly."""

import itertools
import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score
from sklearn.naive_bayes import MultinomialNB
from tests.learning.counting import VOCAB, Projected, climb, labelled, random_batches, system_of
from torch import Tensor, nn

from undersong.data.batch import Batch
from undersong.distributions import Assignment
from undersong.errors import UserError
from undersong.learning import EM, Learner, StepwiseEM, ViterbiEM
from undersong.learning.climb import FELL
from undersong.learning.em import fresh
from undersong.models import (
    DMV,
    HMM,
    PCFG,
    VAE,
    Counted,
    FactorialHMM,
    GaussianMixture,
    MixtureOfUnigrams,
)
from undersong.models.base import Counts
from undersong.nets import FullComponents, SphericalComponents, Table

# Every model that can be counted. A new one is one more line here.
MODELS: dict[str, Callable[[], nn.Module]] = {
    "unigrams": partial(MixtureOfUnigrams, VOCAB, 4, smoothing=0.1),
    "unigrams, unsmoothed": partial(MixtureOfUnigrams, VOCAB, 4, smoothing=0.0),
    "many unigrams": partial(MixtureOfUnigrams, VOCAB, 50, smoothing=0.01),
    "one unigram": partial(MixtureOfUnigrams, VOCAB, 1, smoothing=0.0),
    "gaussians, diagonal": partial(GaussianMixture, VOCAB, 3, Projected),
    "gaussians, spherical": partial(GaussianMixture, VOCAB, 3, Projected, SphericalComponents),
    "gaussians, full": partial(GaussianMixture, VOCAB, 3, Projected, FullComponents, 0.0),
    "many gaussians": partial(GaussianMixture, VOCAB, 60, Projected, FullComponents),
    "hmm": partial(HMM, VOCAB, 3),
    "hmm of words alone": partial(HMM, VOCAB, 3, ends=False),
    "factorial hmm": partial(FactorialHMM, VOCAB, 2, 2),
    "pcfg": partial(PCFG, VOCAB),
    "dmv": partial(DMV, VOCAB),
}
DATA: dict[str, Callable[[], list[Batch]]] = {
    "random": random_batches,
    "one sentence": lambda: [Batch.of([[5, 6, 7, 5]])],
    "one word": lambda: [Batch.of([[5, 5, 5], [5, 5]] * 4)],
    "the same sentence": lambda: [Batch.of([[5, 6, 7]] * 9)],
    "all lengths": lambda: [Batch.of([[4 + i % 5] * n for i, n in enumerate(range(2, 12))])],
}


@pytest.mark.parametrize("learner", [EM, ViterbiEM])
@pytest.mark.parametrize("data", list(DATA))
@pytest.mark.parametrize("model", list(MODELS))
def test_the_objective_never_falls(model: str, data: str, learner: Callable[..., EM]) -> None:
    torch.manual_seed(3)
    made = MODELS[model]()
    assert isinstance(made, Counted)
    em = learner(system_of(made), tolerance=1e-6)
    found = climb(em, DATA[data](), epochs=30)
    assert found
    assert all(math.isfinite(value) for value in found)
    assert all(b >= a - 2e-5 * (1 + abs(a)) for a, b in itertools.pairwise(found))
    assert all(c.ended != FELL for c in em.climbs)
    assert all(not t.isnan().any() for t in made.state_dict().values())


@pytest.mark.parametrize("learner", [EM, ViterbiEM])
def test_in_double_precision_it_does_not_fall_at_all(learner: Callable[..., EM]) -> None:
    torch.manual_seed(3)
    em = learner(system_of(MixtureOfUnigrams(VOCAB, 4).double()), tolerance=0.0)
    found = climb(em, random_batches(), epochs=80)
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(found))


class Wrong(MixtureOfUnigrams):
    """Loses half of its counts, another half each time: a planted bug."""

    def expect(self, x: Batch, q: torch.distributions.Distribution, hard: bool = False) -> tuple[Tensor, Counts]:
        bound, counts = super().expect(x, q, hard)
        return bound, {**counts, "words": counts["words"] * (torch.rand(VOCAB, 1) < 0.5)}


def test_counts_that_do_not_fit_are_found_out_undone_and_said() -> None:
    torch.manual_seed(3)
    em = EM(system_of(Wrong(VOCAB, 3)), tolerance=0.0)
    found = climb(em, random_batches())
    said = em.finished()
    assert said is not None
    assert "lowered the objective" in said
    model, x = em.system.model, random_batches()
    with torch.no_grad():
        total = sum(float(model.log_marginal(each).double().sum()) for each in x) + float(model.log_prior())
    assert total / 36 == pytest.approx(found[-1], abs=1e-4)  # the parameters are those before the fall
    assert all(b >= a - 2e-5 * (1 + abs(a)) for a, b in itertools.pairwise(found))


def test_it_says_why_it_stopped() -> None:
    em = EM(system_of(MixtureOfUnigrams(VOCAB, 2)), tolerance=1e-3)
    found = climb(em, random_batches())
    said = em.finished()
    assert said is not None
    assert "converged after" in said
    assert f"{len(found)} M-steps" in said
    assert found[-1] - found[-2] <= 1e-3 * abs(found[-2])
    assert found[-2] - found[-3] > 1e-3 * abs(found[-3])


def test_the_closed_form_pools_counts() -> None:
    """One M-step from pi_zv = (sum_n q_nz c_nv + a) / (sum_n q_nz T_n + V a), term by term."""
    model = MixtureOfUnigrams(VOCAB, 3, smoothing=0.7).double()
    x = random_batches(count=1)[0]
    q = model.posterior(x).marginals[0].detach()  # [B, K]
    words = torch.zeros(len(x), VOCAB, dtype=torch.float64)  # c_nv
    for row in range(len(x)):
        for word in x.tokens[row, : x.lengths[row]].tolist():
            words[row, word] += 1
    climb(EM(system_of(model)), [x], epochs=1)
    expected = (q.T @ words + 0.7) / ((q.T @ x.lengths.double()) + VOCAB * 0.7)[:, None]
    torch.testing.assert_close(model.words().T.exp(), expected)
    torch.testing.assert_close(model.weights().exp(), (q.sum(0) + 0.7) / (len(x) + 3 * 0.7))


@pytest.mark.parametrize("smoothing", [0.5, 1.0])
def test_with_every_label_given_it_is_naive_bayes(smoothing: float) -> None:
    x = random_batches(count=1, size=40)[0]
    labels = torch.arange(40) % 3
    model = MixtureOfUnigrams(VOCAB, 3, smoothing=smoothing).double()
    model.weights.smoothing = 0.0  # scikit-learn smooths the words alone
    climb(EM(labelled(model)), [Batch(x.tokens, x.lengths, x.index, labels=labels)], epochs=1)
    bags = torch.zeros(40, VOCAB).index_put_(
        (torch.arange(40).repeat_interleave(x.lengths), x.tokens[x.mask[:, 1:]]), torch.ones(()), accumulate=True
    )
    bayes = MultinomialNB(alpha=smoothing).fit(bags.numpy(), labels.numpy())
    torch.testing.assert_close(model.words().T, torch.tensor(bayes.feature_log_prob_), atol=1e-6, rtol=0)
    torch.testing.assert_close(model.weights(), torch.tensor(bayes.class_log_prior_), atol=1e-6, rtol=0)
    posterior = torch.tensor(bayes.predict_proba(bags.numpy()))
    torch.testing.assert_close(model.posterior(x).marginals[0], posterior, atol=1e-6, rtol=0)


def planted(seed: int, clusters: int, clear: float) -> MixtureOfUnigrams:
    """A mixture whose clusters prefer different words, the more so the clearer."""
    torch.manual_seed(seed)
    model = MixtureOfUnigrams(34, clusters, smoothing=0.0)
    model.words.maximise(torch.distributions.Dirichlet(torch.full((34,), 1 / clear)).sample((clusters,)).T)
    model.weights.maximise(torch.ones(clusters) + torch.arange(clusters) / clusters)
    return model


def test_a_planted_mixture_is_found() -> None:
    truth = planted(0, clusters=3, clear=2.0)
    _, seen = truth.sample(1800, max_words=8)
    z, held = truth.sample(600, max_words=8)
    model = MixtureOfUnigrams(34, 3, smoothing=0.1)
    climb(EM(system_of(model), restarts=5), [seen])
    with torch.no_grad():
        ours, theirs = (float(m.log_marginal(held).mean()) for m in (model, truth))
    assert abs(ours - theirs) < 0.01 * abs(theirs)
    found = normalized_mutual_info_score(z.numpy(), model.posterior(held).mode.numpy())
    best = normalized_mutual_info_score(z.numpy(), truth.posterior(held).mode.numpy())
    assert found > 0.95 * best


def test_a_few_labels_help() -> None:
    gains = []
    for seed in range(4):
        z, x = planted(seed, clusters=4, clear=0.5).sample(400, max_words=6)
        some = torch.where(torch.arange(400) % 4 == 0, z, -1)
        partly = Batch(x.tokens, x.lengths, x.index, labels=some)
        rest = some < 0
        scores = []
        for system in (system_of, labelled):
            torch.manual_seed(seed)
            model = MixtureOfUnigrams(34, 4, smoothing=0.1)
            climb(EM(system(model)), [partly])
            scores.append(normalized_mutual_info_score(z[rest].numpy(), model.posterior(x).mode[rest].numpy()))
        gains.append(scores[1] - scores[0])
    assert sum(gains) / 4 > 0.05
    assert min(gains) > -0.02


def test_a_step_after_the_end_changes_nothing() -> None:
    batches = random_batches()
    em = EM(system_of(MixtureOfUnigrams(VOCAB, 2)), tolerance=1.0)
    climb(em, batches)
    before = em.system.model.words().detach()
    assert float(em.step(batches[0], 99)["loss"]) > 0
    em.end_epoch()
    assert torch.equal(em.system.model.words(), before)


def test_restarts_keep_the_best() -> None:
    batches = random_batches(count=2, size=20)
    torch.manual_seed(5)
    em = EM(system_of(MixtureOfUnigrams(VOCAB, 4)), restarts=6, tolerance=1e-6)
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
        em = EM(system_of(MixtureOfUnigrams(VOCAB, 4)), restarts=restarts)
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
        walker = learner(system_of(MODELS[made]()))
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


def test_stepwise_em_with_all_data_and_full_steps_is_em() -> None:
    x = random_batches(count=1)[0]
    ends = []
    for learner in (partial(EM, tolerance=0.0), partial(StepwiseEM, alpha=0.0)):
        torch.manual_seed(2)
        model = MixtureOfUnigrams(VOCAB, 3, smoothing=0.3).double()
        climb(learner(system_of(model)), [x], epochs=5)
        ends.append(model.words().detach())
    torch.testing.assert_close(*ends, atol=1e-12, rtol=0)


def test_stepwise_em_averages_with_falling_steps() -> None:
    """Two steps by hand: s = sum of eta-weighted mean counts, normalised by the weights' sum, times N."""
    first, second = random_batches(count=2)
    torch.manual_seed(2)
    model = MixtureOfUnigrams(VOCAB, 3, smoothing=0.3).double()
    learner = StepwiseEM(system_of(model), alpha=0.7, wait=0)
    found = []
    for step, x in enumerate((first, second)):
        with model.counting():
            found.append(model.expect(x, model.posterior(x))[1]["words"] / len(x))
        learner.step(x, step)
    one, two = 2**-0.7, 3**-0.7
    mean = ((1 - two) * one * found[0] + two * found[1]) / ((1 - two) * one + two)
    expected = 24 * mean + 0.3
    torch.testing.assert_close(model.words().exp(), expected / expected.sum(0))


def test_stepwise_em_waits_for_an_epoch() -> None:
    batches = random_batches()
    model = MixtureOfUnigrams(VOCAB, 3)
    learner, before = StepwiseEM(system_of(model)), model.words().detach()
    for step, x in enumerate(batches):
        learner.step(x, step)
        assert torch.equal(model.words(), before)
    learner.end_epoch()
    after = model.words().detach()
    assert not torch.equal(after, before)
    learner.step(batches[0], 3)
    assert not torch.equal(model.words(), after)


def test_stepwise_em_learns() -> None:
    batches = random_batches(count=6)
    model = MixtureOfUnigrams(VOCAB, 3)
    before = model.log_marginal(batches[0]).detach().mean()
    climb(StepwiseEM(system_of(model)), batches, epochs=10)
    assert model.log_marginal(batches[0]).detach().mean() > before + 0.5


class Impossible(MixtureOfUnigrams):
    """Says that sentences of one word cannot be."""

    def posterior(self, x: Batch, *, given: bool = False) -> Assignment:
        (scores,) = super().posterior(x).potentials
        return Assignment(scores.masked_fill(x.lengths[:, None] < 2, -torch.inf))


def test_impossible_sentences_are_left_out_and_reported() -> None:
    em = EM(system_of(Impossible(VOCAB)))
    em.step(Batch.of([[5, 6], [7], [8, 9, 4], [5]]), 0)
    assert float(em.end_epoch()["impossible"]) == 0.5
    em = EM(system_of(Impossible(VOCAB)))
    em.step(Batch.of([[7], [5]]), 0)
    with pytest.raises(UserError, match="No sentence is possible"):
        em.end_epoch()


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(UserError, match="VAE cannot"):
        EM(system_of(VAE(VOCAB, 2)))
    with pytest.raises(UserError, match="restart"):
        EM(system_of(MixtureOfUnigrams(VOCAB)), restarts=0)
    with pytest.raises(UserError, match="alpha"):
        StepwiseEM(system_of(MixtureOfUnigrams(VOCAB)), alpha=2.0)
    with pytest.raises(UserError, match="wait"):
        StepwiseEM(system_of(MixtureOfUnigrams(VOCAB)), wait=-1)
    assert isinstance(MixtureOfUnigrams(VOCAB).weights, Table)
