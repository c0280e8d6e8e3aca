"""Means start at points far apart, and there are always as many as asked."""

import torch

from undersong.nets.starts import far_apart


def test_the_points_chosen_lie_apart() -> None:
    torch.manual_seed(0)
    points = torch.tensor([[0.0], [0.1], [100.0], [100.1], [200.0]])
    assert sorted(far_apart(points, 3)[:, 0].div(100).round().tolist()) == [0, 1, 2]


def test_all_start_elsewhere_though_few_points_differ() -> None:
    torch.manual_seed(0)
    for points in (torch.tensor([[0.0], [0.1], [200.0]]), torch.ones(2, 3), torch.ones(9, 3)):
        found = far_apart(points, 7)
        assert found.isfinite().all()
        assert found.shape == (7, points.shape[1])
        assert len(found.unique(dim=0)) == 7


def test_what_counts_for_nothing_is_not_chosen() -> None:
    torch.manual_seed(0)
    points = torch.tensor([[0.0], [50.0], [100.0]])
    for _ in range(9):
        assert sorted(far_apart(points, 2, torch.tensor([1.0, 0.0, 1.0]))[:, 0].tolist()) == [0.0, 100.0]
