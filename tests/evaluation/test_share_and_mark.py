"""What share of a run's own objective its KL is, and when a sampled likelihood is marked as not to be trusted."""

import numpy as np
import pytest
from tests.evaluation.test_likelihood import SPLIT, text_vae

from undersong.evaluation import judgement
from undersong.evaluation.judgement import judge
from undersong.evaluation.likelihood import Likelihood
from undersong.objectives import Beta, Linear


def test_the_share_of_the_kl_is_that_at_the_final_coefficients() -> None:
    """Of an objective in which the KL costs nothing at first, and all of itself at last."""
    system = text_vae(2)
    system.objective = Beta(Linear(0.0, 1.0, steps=10))
    found = judge(system, SPLIT, samples=1, subset=1, refine=False).figures
    assert found["kl"] > 0.1
    assert found["kl_percent"] == pytest.approx(100 * found["kl"] / -found["objective"])


@pytest.mark.parametrize(("effective", "marked"), [([10.0, 60.0], True), ([40.0, 100.0], False)])
def test_a_likelihood_is_marked_by_its_mean_effective_sample_size(
    effective: list[float], marked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ones = np.ones(2)
    found = Likelihood(np.arange(2), np.ones(2, np.int64), -ones, ones, np.array(effective), -ones)
    monkeypatch.setattr(judgement, "likelihood", lambda *_: found)
    assert judge(text_vae(2), SPLIT).figures["nll_is_marked"] is marked
