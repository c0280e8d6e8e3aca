"""What stands before the KL, by which its share of an objective is reported."""

import pytest

from undersong.objectives import ELBO, Autoencoder, Beta, Linear, Objective, TargetMeanRate, TargetRate

RISING = Linear(0.0, 2.0, steps=10)


@pytest.mark.parametrize(
    ("objective", "factors"),
    [
        (ELBO(), [1.0, 1.0, 1.0]),
        (Autoencoder(), [0.0, 0.0, 0.0]),
        (Beta(RISING), [0.0, 1.0, 2.0]),
        (TargetRate(beta=RISING), [0.0, 1.0, 2.0]),
        (TargetMeanRate(beta=RISING), [0.0, 1.0, 2.0]),
        (TargetMeanRate(beta=3.0), [3.0, 3.0, 3.0]),
    ],
)
def test_the_factor_of_the_kl_is_that_of_the_formula_at_each_step(objective: Objective, factors: list[float]) -> None:
    assert [objective.kl_factor(step) for step in (0, 5, 10)] == factors
