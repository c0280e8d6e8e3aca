"""One step of ``Gradient``: its learning rate, its clipping, its decay."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from tests.learning.small import last_weights, learn
from torch import nn

from undersong.errors import UserError
from undersong.learning import Gradient
from undersong.learning.gradient import total_norm
from undersong.objectives import Linear


def test_the_learning_rate_follows_its_schedule(corpus, tmp_path):
    frozen = learn(
        corpus, tmp_path / "frozen", learner=partial(Gradient, lr=Linear(0.0, 0.01, steps=5, wait=10)), steps=10
    )
    moved = learn(
        corpus, tmp_path / "moved", learner=partial(Gradient, lr=Linear(0.0, 0.01, steps=5, wait=5)), steps=10
    )
    start = learn(corpus, tmp_path / "start", learner=partial(Gradient, lr=0.0), steps=1)
    weights = [last_weights(run.path)["weights.safetensors"] for run in (frozen, moved, start)]
    assert weights[0] == weights[2] != weights[1]


@pytest.mark.parametrize("step", [0, 1])
def test_a_step_of_adam_clips_the_whole_gradient_and_decays_each_weight(step):
    """g is clipped to the norm 0.1; theta loses lr 0.1 theta beside Adam's quotient (Loshchilov and Hutter 2019)."""
    layer = nn.Linear(2, 1)
    weight, bias = np.array([0.5, -2.0]), 1.0
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight)[None])
        layer.bias.fill_(bias)
    learner = Gradient(layer, lr=0.01, clip=0.1, weight_decay=0.1, eps=1e-2)  # type: ignore[arg-type]
    theta = np.array([*weight, bias])
    mean, square = np.zeros(3), np.zeros(3)
    for count, scale in enumerate((1.0, 0.01)[: step + 1], start=1):  # the second gradient is short enough as it is
        g = scale * np.array([3.0, 4.0, 1.0])
        norm = learner.descend(scale * layer(torch.tensor([3.0, 4.0])).sum(), 0)
        assert float(norm) == pytest.approx(scale * math.sqrt(26))
        g *= min(1.0, 0.1 / np.linalg.norm(g))
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
        quotient = (mean / (1 - 0.9**count)) / (np.sqrt(square / (1 - 0.999**count)) + 1e-2)
        theta = theta - 0.01 * (quotient + 0.1 * theta)
    np.testing.assert_allclose([*layer.weight[0].tolist(), layer.bias.item()], theta, atol=1e-6)


@pytest.mark.parametrize("name", ["lr", "clip", "weight_decay", "eps"])
def test_what_would_turn_the_gradient_round_is_refused(corpus, tmp_path, name):
    with pytest.raises(UserError, match=rf"{name} is -1\.0: it must be at least 0"):
        learn(corpus, tmp_path / "run", learner=partial(Gradient, **{name: -1.0}))
    assert not (tmp_path / "run").exists()


def test_a_schedule_that_would_turn_it_round_later_is_refused():
    with pytest.raises(UserError, match=r"the least lr is -0\.1: it must be at least 0"):
        Gradient(nn.Linear(2, 1), lr=Linear(0.1, -0.1, steps=10))  # type: ignore[arg-type]


def test_gradients_left_by_others_are_none_of_a_step():
    """Of a step that was interrupted, or of a backward pass of the user's own."""
    torch.manual_seed(0)
    layer = nn.Linear(2, 1)
    learner = Gradient(layer, clip=0.0)  # type: ignore[arg-type]
    (100 * layer(torch.ones(2))).sum().backward()
    assert float(learner.descend(layer(torch.ones(2)).sum(), 0)) == pytest.approx(math.sqrt(3))


def test_the_norm_is_that_of_all_numbers_together():
    torch.manual_seed(0)
    parts = [torch.randn(700, 300) * 1e-3, torch.randn(5, 4)[:, ::2], torch.zeros(0), torch.randn(())]
    wanted = torch.cat([part.double().flatten() for part in parts]).norm()
    assert float(total_norm(parts)) == pytest.approx(float(wanted), rel=1e-6)
    assert float(total_norm([])) == 0
