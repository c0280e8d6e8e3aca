"""Objectives against formulas written out by hand on random numbers, and their relations to one another."""

import itertools
import math

import pytest
import torch

from undersong.draw import FINAL, Draw, joined
from undersong.errors import UserError
from undersong.objectives import (
    ELBO,
    IWAE,
    Autoencoder,
    AutoGen,
    Beta,
    Constant,
    Cyclical,
    FreeBitsDimension,
    FreeBitsMeanDimension,
    FreeBitsSentence,
    Linear,
    Logistic,
    Schedule,
    TargetMeanRate,
    TargetRate,
)

S, B, G = 4, 3, 2


@pytest.fixture
def d() -> Draw:
    torch.manual_seed(0)
    px, pz, qz = -10 * torch.rand(3, S, B).double()
    return Draw(log_px=px, log_pz=pz, log_qz=qz, parts=3 * torch.rand(B, G).double(), step=50)


def test_each_objective_is_its_formula(d):
    rec, parts = d.log_px.mean(0), d.parts
    kl = parts[:, 0] + parts[:, 1]
    expected = {
        ELBO(): rec - kl,
        AutoGen(2.5): 3.5 * rec - kl,
        AutoGen(-0.5): 0.5 * rec - kl,
        Beta(0.3): rec - 0.3 * kl,
        Beta(Linear(0.0, 1.0, steps=100)): rec - 0.5 * kl,
        TargetRate(2.0, 1.5): rec - 1.5 * abs(kl - 2.0),
        TargetMeanRate(2.0, 1.5): rec - 1.5 * abs(kl.mean() - 2.0),
        FreeBitsSentence(2.5): rec - torch.maximum(kl, torch.tensor(2.5)),
        FreeBitsDimension(1.0): rec - torch.maximum(parts, torch.tensor(1.0)).sum(1),
        FreeBitsMeanDimension(1.0): rec - torch.maximum(parts.mean(0), torch.tensor(1.0)).sum(),
        IWAE(S): torch.stack([(d.log_px + d.log_pz - d.log_qz)[s].exp() for s in range(S)]).mean(0).log(),
        Autoencoder(): rec,
    }
    for objective, value in expected.items():
        torch.testing.assert_close(objective(d), value, msg=type(objective).__name__)


def test_autogen_is_beta_vae_up_to_its_factor(d):
    for m in (-0.9, 0.0, 0.7, 1.0, 8.0):
        torch.testing.assert_close(AutoGen(m)(d), (1 + m) * Beta(1 / (1 + m))(d))


def test_the_importance_weighted_bound_rises_with_every_sample_averaged_over_all_subsets(d):
    def over_subsets(k):
        subsets = [torch.tensor(s) for s in itertools.combinations(range(S), k)]
        return torch.stack([IWAE(k)(d.keep(s)) for s in subsets]).mean(0)

    bounds = torch.stack([over_subsets(k) for k in range(1, S + 1)])
    assert (bounds[1:] > bounds[:-1]).all()


def test_a_draw_that_enumerates_the_support_weighs_its_samples(d):
    weight = torch.rand(S, B).double()
    weight = weight / weight.sum(0)
    whole = Draw(d.log_px, d.log_pz, d.log_qz, d.parts, weight=weight)
    torch.testing.assert_close(whole.mean(d.log_px), (weight * d.log_px).sum(0))
    torch.testing.assert_close(whole.log_mean_exp(d.log_px), (weight * d.log_px.exp()).sum(0).log())


def test_joined_records_are_read_as_one_batch(d):
    rows = [d.log_px[:, i : i + 1] for i in range(B)]
    pieces = [Draw(px, d.log_pz[:, i : i + 1], d.log_qz[:, i : i + 1], d.parts[i : i + 1]) for i, px in enumerate(rows)]
    for objective in (TargetMeanRate(1.0), FreeBitsMeanDimension(1.5), IWAE(S)):
        torch.testing.assert_close(objective(joined(pieces)), objective(d))


def test_a_point_posterior_has_no_elbo():
    point = Draw(torch.zeros(1, 2), torch.zeros(1, 2), None, None)
    assert Autoencoder()(point).tolist() == [0.0, 0.0]
    for objective in (ELBO(), AutoGen(), Beta(), TargetRate(), FreeBitsDimension(), IWAE()):
        with pytest.raises(UserError, match="point mass"):
            objective(point)


def test_autogen_refuses_an_m_that_is_or_comes_to_minus_one_or_less():
    for m in (-1.0, -3.0, Linear(5.0, -2.0), Linear(-1.0, 5.0), Constant(-1.0), Logistic(5.0, -2.0), Cyclical(-2.0)):
        with pytest.raises(UserError, match=r"m is -\d\.0: it must be above -1"):
            AutoGen(m)
    for m in (math.nan, math.inf):
        with pytest.raises(UserError, match=r"m is (nan|inf): it must be a finite number"):
            AutoGen(m)
    AutoGen(Linear(5.0, -0.5))


COEFFICIENTS = [
    (Beta, "beta"),
    (TargetRate, "rate"),
    (TargetRate, "beta"),
    (TargetMeanRate, "rate"),
    (TargetMeanRate, "beta"),
    (FreeBitsSentence, "bits"),
    (FreeBitsDimension, "bits"),
    (FreeBitsMeanDimension, "bits"),
]


@pytest.mark.parametrize(("objective", "name"), COEFFICIENTS)
def test_coefficients_that_cannot_be_are_refused_by_name(objective, name):
    for wrong in (-0.5, Linear(1.0, -0.5), Linear(-0.5, 1.0)):
        with pytest.raises(UserError, match=f"{name} is -0.5: it must be at least 0"):
            objective(**{name: wrong})
    for wrong in (math.nan, math.inf):
        with pytest.raises(UserError, match=f"{name} is {wrong}: it must be a finite number"):
            objective(**{name: wrong})
    objective(**{name: 0})
    objective(**{name: Linear(0.0, 0.0, steps=0)})


def test_a_schedule_of_ones_own_need_not_know_its_span(d):
    class Falling(Schedule):
        def __call__(self, step: int) -> float:
            return 1 / (1 + step)

    for objective, name in [*COEFFICIENTS, (AutoGen, "m")]:
        assert objective(**{name: Falling()})(d).isfinite().all()


@pytest.mark.parametrize(
    "objective", [ELBO, IWAE, Autoencoder, AutoGen, *dict.fromkeys(objective for objective, _ in COEFFICIENTS)]
)
def test_an_objective_without_samples_is_refused(objective):
    for samples in (0, -1):
        with pytest.raises(UserError, match=f"samples is {samples}: it must be at least 1"):
            objective(samples=samples)


def test_schedules():
    assert [Linear(1.0, 3.0, steps=10, wait=5)(s) for s in (0, 5, 10, 15, 99)] == [1.0, 1.0, 2.0, 3.0, 3.0]
    assert Constant(4.0)(17) == 4.0
    logistic = Logistic(0.0, 1.0, middle=100, sharpness=0.1)
    assert logistic(100) == 0.5
    assert logistic(FINAL) == logistic(logistic.end) == 1.0
    assert logistic(logistic.end - 1) > 0.99
    assert Logistic(0.0, 1.0, middle=100_000, sharpness=0.1)(0) == 0.0  # e to the power of 10,000 is no float
    cyclical = Cyclical(0.0, 1.0, steps=40, cycles=4, rise=0.5)
    assert [cyclical(s) for s in (0, 5, 9, 10, 15, 40, FINAL)] == [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]


def test_an_objective_ends_with_its_last_schedule():
    assert ELBO().end == 0
    assert TargetRate(Linear(0.0, 5.0, steps=300), beta=Linear(steps=200, wait=50)).end == 300
    assert TargetRate(Linear(0.0, 5.0, steps=300), beta=Linear(steps=200, wait=150)).end == 350
    assert Beta(Linear(steps=70)).kl_factor(35) == 0.5


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(2.0),
        Linear(1.0, 3.0, steps=10, wait=5),
        Linear(1.0, 3.0, steps=0),
        Linear(1.0, 3.0, steps=0, wait=5),
        Logistic(0.0, 1.0, middle=20, sharpness=0.5),
        Cyclical(0.0, 1.0, steps=40, cycles=4, rise=1.0),
    ],
)
def test_a_schedule_is_constant_from_its_end_on_and_not_before(schedule):
    assert {schedule(step) for step in range(schedule.end, schedule.end + 50)} == {schedule(FINAL)}
    assert schedule.end == 0 or schedule(schedule.end - 1) != schedule(FINAL)


def test_schedules_refuse_what_cannot_be():
    for wrong in (
        lambda: Logistic(sharpness=0.0),
        lambda: Cyclical(rise=0.0),
        lambda: Cyclical(rise=1.5),
    ):
        with pytest.raises(UserError, match="give a"):
            wrong()
    for wrong, said in (
        (lambda: Cyclical(cycles=0), "cycles is 0: it must be at least 1"),
        (lambda: Cyclical(steps=-1), "steps is -1: it must be at least 0"),
        (lambda: Linear(steps=-1), "steps is -1: it must be at least 0"),
        (lambda: Linear(wait=-1), "wait is -1: it must be at least 0"),
        (lambda: Linear(stop=math.nan), "stop is nan: it must be a finite number"),
        (lambda: Cyclical(start=math.inf), "start is inf: it must be a finite number"),
        (lambda: Logistic(sharpness=math.inf), "sharpness is inf: it must be a finite number"),
        (lambda: Constant(math.inf), "value is inf: it must be a finite number"),
    ):
        with pytest.raises(UserError, match=said):
            wrong()
