"""Tables count and are set to the most probable rows."""

import pytest
import torch

from undersong.errors import UserError
from undersong.nets.table import Table, WordTable, counted


@pytest.mark.parametrize("smoothing", [0.5, 3.0])
def test_the_row_maximises_likelihood_and_prior(smoothing: float) -> None:
    counts = torch.tensor([[4.0, 0.0, 2.5], [0.0, 0.0, 0.0]])
    table = Table(2, 3, smoothing=smoothing).double()
    table.maximise(counts)

    def value(log_p: torch.Tensor) -> float:
        return float((counts * log_p).sum() + smoothing * log_p.sum())

    best = table().detach()
    torch.testing.assert_close(table.log_prior().detach(), smoothing * best.sum())
    torch.testing.assert_close(best.exp()[0], (counts[0].double() + smoothing) / (6.5 + 3 * smoothing))
    for _ in range(50):
        assert value(best) > value((best + 0.05 * torch.randn(2, 3)).log_softmax(-1))


def test_a_row_without_counts_stays_as_it_is() -> None:
    table = Table(2, 3)
    before = table().detach()[1]
    table.maximise(torch.tensor([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0]]))
    torch.testing.assert_close(table().exp()[0].detach(), torch.tensor([0.25, 0.0, 0.75]))
    torch.testing.assert_close(table()[1], before)
    assert float(table.log_prior()) == 0.0  # even where a probability is nought


def test_the_gradient_counts_uses() -> None:
    table = WordTable(5, 2)
    with counted([table]):
        (table()[3, 0] + 2 * table()[1, 1]).backward()
        assert table.leaf is not None
        assert table.leaf.grad is not None
        assert table.leaf.grad.nonzero().tolist() == [[1, 1], [3, 0]]
        assert float(table.leaf.grad.sum()) == 3.0
    assert table().requires_grad


def test_a_table_changed_in_place_is_counted_as_it_is_now() -> None:
    table = Table(3)
    with counted([table]):
        pass
    table.maximise(torch.tensor([1.0, 1.0, 2.0]))
    with counted([table]):
        torch.testing.assert_close(table().exp().detach(), torch.tensor([0.25, 0.25, 0.5]))


def test_negative_smoothing_is_refused() -> None:
    with pytest.raises(UserError, match="smoothing"):
        Table(3, smoothing=-1.0)
