"""Choices follow their probabilities, whether or not these sum to one."""

import torch

from undersong.data.batch import BOS, EOS, PAD
from undersong.models.lots import Lots, speakable


def test_choices_follow_rows_that_do_not_sum_to_one():
    torch.manual_seed(0)
    log_p = speakable(torch.randn(8).log_softmax(-1))
    p = log_p.softmax(-1)
    lots, row = Lots(torch.Generator().manual_seed(0)), Lots.urn(log_p)
    seen = torch.bincount(torch.tensor([lots.choose(row) for _ in range(20_000)]), minlength=8) / 20_000
    assert seen[[PAD, BOS, EOS]].tolist() == [0.0, 0.0, 0.0]
    assert ((seen - p).abs() <= 4 * (p * (1 - p) / 20_000).sqrt()).all()


def test_the_generator_alone_decides():
    row = Lots.urn(torch.zeros(50))
    first, second = (
        [lots.choose(row) for _ in range(30)] for lots in (Lots(torch.Generator().manual_seed(s)) for s in (3, 3))
    )
    assert first == second
    assert len(set(first)) > 10


def test_numbers_are_drawn_where_the_generator_is(monkeypatch):
    """Torch refuses a generator of another device than the numbers', which no test on a CPU would show."""
    seen = []

    class Elsewhere:
        device = torch.device("meta")

    def rand(*shape, generator, dtype, device):
        seen.append((generator, device))
        return torch.full(shape, 0.5, dtype=dtype)

    monkeypatch.setattr(torch, "rand", rand)
    there = Elsewhere()
    assert Lots(there).choose(Lots.urn(torch.tensor([0.0, -torch.inf]))) == 0
    assert seen == [(there, there.device)]
