"""The scaled kernel: never silently wrong, whatever the scores; and sound where it has to be fast."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.distributions.chains import SHAPES, chain
from torch import Tensor

from undersong.distributions import Chain
from undersong.distributions.scaled_chain import Messages
from undersong.distributions.semirings import LOG, Semiring, log_sum_exp

quick = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


class Plain(Semiring):
    """Log-space without any product of matrices."""

    def sum(self, value: Tensor, dim: int) -> Tensor:
        return log_sum_exp(value, dim)


def compare(mine: Chain, weight: Tensor) -> Tensor:
    """The fast path in its own precision against plain operations in log-space and in double: log Z, the exact one."""
    fast, exact = ([p.detach().to(kind).requires_grad_() for p in mine.potentials] for kind in (None, torch.float64))
    total, want = mine.replace(fast).log_partition, mine.replace(exact).inside(Plain())
    largest = max([1.0, *(float(p[p > -torch.inf].abs().max()) for p in mine.potentials if (p > -torch.inf).any())])
    rounding = 8 * torch.finfo(total.dtype).eps * largest * mine.potentials[2].shape[1]
    assert torch.equal(total.isinf(), want.isinf())
    torch.testing.assert_close(total.double(), want, atol=rounding, rtol=1e-6)
    torch.testing.assert_close(mine.replace(exact).inside(LOG), want, rtol=1e-13, atol=0)
    got = torch.autograd.grad(total, fast, weight.to(total.dtype), materialize_grads=True)
    listed = torch.autograd.grad(want, exact, weight.double(), materialize_grads=True)
    plain = torch.autograd.grad(mine.replace(exact).inside(LOG), exact, weight.double(), materialize_grads=True)
    for a, b in zip(plain, listed, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
    for ours, theirs, p in zip(got, listed, mine.potentials, strict=True):
        torch.testing.assert_close(
            ours.double(), theirs, atol=max(rounding / 4, 1e-5 if rounding > 1e-10 else 1e-12), rtol=0
        )
        assert not ours[p == -torch.inf].any(), "what is forbidden has no gradient at all"
    return want.detach()


@quick
@given(
    seed=st.integers(0, 2**20),
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    states=st.integers(1, 5),
    shape=st.sampled_from(SHAPES),
    final=st.booleans(),
    forbidden=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    scale=st.sampled_from([1.0, 10.0, 40.0, 100.0, 1e3, 1e4]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_any_scores(seed, lengths, states, shape, final, forbidden, scale, dtype):
    mine = chain(seed, lengths, states, shape, final, forbidden, scale, dtype)
    exact = compare(mine, torch.rand(len(lengths), generator=torch.Generator().manual_seed(seed)))
    assert torch.equal(mine.log_partition == -torch.inf, exact == -torch.inf)


def test_a_loss_that_matters_only_later_is_seen():
    """State 1 underflows at the first word, no c is zero, and yet nearly all mass is on it in the end."""
    apart = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]])
    emission = torch.tensor([[0.0, -100.0], [-40.0, 0.0], [-40.0, 0.0], [-40.0, 0.0]])
    mine = Chain(torch.zeros(2), apart, emission[None], torch.tensor([4]))
    messages = Messages(mine.potentials, mine.lengths)
    assert (messages.c > 0).all()
    assert messages.unsound().tolist() == [0]
    assert mine.log_partition.item() == pytest.approx(-100.0, abs=1e-4)
    compare(mine, torch.ones(1))


def test_a_loss_behind_a_narrow_transition_is_seen():
    """As above, but each state reaches the other with e^-60: no entry of the table underflows by itself."""
    emission = torch.tensor([[0.0, -100.0], *[[-50.0, 0.0]] * 4])
    between = torch.tensor([[0.0, -60.0], [-60.0, 0.0]])
    for shift in (0.0, -45.0, -60.0):
        mine = Chain(
            torch.zeros(2), between + shift * torch.tensor([[0, 1], [0, 0]]), emission[None], torch.tensor([5])
        )
        # In state 1 from the second word on, by way of a word in state 0; or in state 1 all along.
        expected = torch.logaddexp(torch.tensor(-60.0 + shift), torch.tensor(-100.0)).item()
        assert compare(mine, torch.ones(1)).item() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("where", ["emission", "transition"])
def test_a_loss_on_the_way_forward_and_back_is_seen(where):
    """State 1 underflows at the beginning and halfway, so that neither direction alone sees what it is worth."""
    each = torch.tensor([[0.0, -70.0], *[[-28.0, 0.0]] * 3] * 2)  # [T, K]
    apart = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]])
    if where == "emission":
        mine = Chain(torch.zeros(2), apart, each[None], torch.tensor([8]))
    else:
        mine = Chain(torch.zeros(2), (apart + each[:, None])[None], torch.zeros(1, 9, 2), torch.tensor([9]))
    assert (Messages(mine.potentials, mine.lengths).c > 0).all()
    assert mine.log_partition.item() == pytest.approx(-140.0, abs=1e-4)
    compare(mine, torch.ones(1))


def test_only_the_sentences_that_need_it_leave_the_fast_path():
    mine = chain(0, [4, 3, 4], 3, dtype=torch.float32)
    emission = mine.potentials[2].clone()
    emission[1, 1] = -torch.inf
    mine = mine.replace([*mine.potentials[:2], emission, mine.potentials[3]])
    assert Messages(mine.potentials, mine.lengths).unsound().tolist() == [1]
    assert mine.log_partition.isinf().tolist() == [False, True, False]
    compare(mine, torch.tensor([1.0, 1.0, 1.0]))
    assert not mine.marginals[2][1].any()


@pytest.mark.parametrize("sharp", [0.0, 20.0])
def test_the_usual_tables_stay_on_the_fast_path(sharp):
    """Also those after much EM: transitions down to e^-50 and forbidden ones, words that only some states have."""
    generator = torch.Generator().manual_seed(0)
    between = (torch.randn(10, 10, generator=generator) * (1 + sharp / 2)).log_softmax(1)
    between[torch.rand(10, 10, generator=generator) < 0.3 * (sharp > 0)] = -torch.inf
    emission = torch.randn(50, 20, 10, generator=generator) * (1 + sharp / 2) - 9
    mine = Chain(torch.zeros(10), between, emission, torch.full((50,), 20))
    assert len(Messages(mine.potentials, mine.lengths).unsound()) == 0
    compare(mine, torch.ones(50))


def test_nothing_as_large_as_a_pair_of_states_a_word_is_made():
    """Shared tables stay shared: the largest tensor of a pass is of the size of the emissions."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        size = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            made = function(*args, **(kwargs or {}))
            for t in made if isinstance(made, tuple | list) else [made]:
                if isinstance(t, Tensor) and t.device.type == "cpu":
                    self.size = max(self.size, t.untyped_storage().nbytes() // 4)
            return made

    mine = chain(0, [12] * 16, 9, dtype=torch.float32)
    with Largest() as seen:
        mine.marginals  # noqa: B018
    assert seen.size <= 2 * 16 * 12 * 9, "at most the emissions in double"
