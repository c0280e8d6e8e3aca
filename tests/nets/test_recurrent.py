"""The recurrent layers are torch's: values, gradients, constant inputs, shared inputs, causality."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import undersong.nets.vendor as module
from undersong.nets.precision import BF16, FP32, PLAIN, Precision, set_precision, using
from undersong.nets.recurrent import GRU, LSTM, Recurrent
from undersong.nets.vendor import Vendor

B, T, I, H, C = 5, 6, 4, 8, 3  # noqa: E741


@pytest.fixture(params=["scan", "vendor"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What reads whole sequences: our scan, or what torch runs here where cuDNN is to run."""
    by_vendor, asked = request.param == "vendor", []
    monkeypatch.setattr(Vendor, "faster", lambda self, device: asked.append(device) or by_vendor)
    run = Vendor.__call__
    used: list[bool] = []
    monkeypatch.setattr(Vendor, "__call__", lambda *given: used.append(True) or run(*given))
    yield
    assert bool(used) == (by_vendor and bool(asked))


def reordered(kind: type[Recurrent], rows: Tensor) -> Tensor:
    """Torch's order of the gates to ours: an LSTM's i, f, g, o to i, f, o, g."""
    if kind is GRU:
        return rows
    i, f, g, o = rows.chunk(4)
    return torch.cat([i, f, o, g])


def pair(kind: type[Recurrent], precision: Precision = FP32) -> tuple[Recurrent, nn.Module]:
    """Ours and torch's with the same weights; torch's reads [input; constant]."""
    torch.manual_seed(0)
    theirs = {LSTM: nn.LSTM, GRU: nn.GRU}[kind](I + C, H, batch_first=True)
    ours = kind(I, H, C)
    set_precision(ours, precision)
    with torch.no_grad():
        ours.weight_input.copy_(reordered(kind, theirs.weight_ih_l0[:, :I]))
        ours.weight_constant.copy_(reordered(kind, theirs.weight_ih_l0[:, I:]))  # type: ignore[union-attr]
        ours.weight_hidden.copy_(reordered(kind, theirs.weight_hh_l0))
        ours.bias.copy_(reordered(kind, theirs.bias_ih_l0))
        if isinstance(ours, GRU):
            ours.bias[: 2 * H] += theirs.bias_hh_l0[: 2 * H]
            ours.bias_hidden.copy_(theirs.bias_hh_l0[2 * H :])
        else:
            ours.bias += reordered(kind, theirs.bias_hh_l0)
    return ours, theirs


def leaves(kind: type[Recurrent]) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(1)
    inputs, constant, *state = (
        torch.randn(*shape, generator=generator).requires_grad_()
        for shape in ((B, T, I), (B, C), *[(B, H)] * kind.num_states)
    )
    return inputs, constant, tuple(state)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("kind", [LSTM, GRU])
@pytest.mark.parametrize("precision", [FP32, PLAIN])
@pytest.mark.parametrize("started", [False, True])
def test_equals_torch(kind: type[Recurrent], precision: Precision, started: bool) -> None:
    ours, theirs = pair(kind, precision)
    inputs, constant, state = leaves(kind)
    outputs, last = ours(inputs, state if started else None, constant)
    given = tuple(s[None] for s in state)
    fed = torch.cat([inputs, constant[:, None].expand(-1, T, -1)], -1)
    expected, final = theirs(fed, (given if kind is LSTM else given[0]) if started else None)
    torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)
    for a, b in zip(last, final if kind is LSTM else (final,), strict=True):
        torch.testing.assert_close(a, b[0], rtol=1e-5, atol=1e-5)

    def loss(hidden: Tensor, end: Tensor) -> Tensor:
        return (hidden * torch.linspace(-1, 1, hidden.numel()).view_as(hidden)).sum() + end.square().sum()

    roots = [inputs, constant, *(state if started else ())]
    mine = torch.autograd.grad(
        loss(outputs, last[-1]), [*roots, ours.weight_hidden, ours.weight_input, ours.weight_constant, ours.bias]
    )
    end = final[1][0] if kind is LSTM else final[0]
    wanted = torch.autograd.grad(
        loss(expected, end), [*roots, theirs.weight_hh_l0, theirs.weight_ih_l0, theirs.bias_ih_l0]
    )
    k = len(roots)
    split = reordered(kind, wanted[k + 1])
    wanted = (*wanted[:k], reordered(kind, wanted[k]), split[:, :I], split[:, I:], reordered(kind, wanted[k + 2]))
    for a, b in zip(mine, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("started", [False, True])
def test_the_gradient_of_a_grus_own_bias_is_torchs(started: bool) -> None:
    """It stands inside the gate r, where no bias of the inputs reaches."""
    ours, theirs = pair(GRU)
    inputs, constant, state = leaves(GRU)
    outputs, _ = ours(inputs, state if started else None, constant)
    fed = torch.cat([inputs, constant[:, None].expand(-1, T, -1)], -1)
    expected, _ = theirs(fed, state[0][None] if started else None)
    (mine,) = torch.autograd.grad(outputs.square().sum(), [ours.bias_hidden])
    (wanted,) = torch.autograd.grad(expected.square().sum(), [theirs.bias_hh_l0])
    torch.testing.assert_close(mine, wanted[2 * H :], rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_gradients_in_double_precision(kind: type[Recurrent]) -> None:
    layer = pair(kind)[0].double()
    inputs, constant, state = leaves(kind)
    roots = [t.detach().double()[:2].requires_grad_() for t in (inputs, constant, *state)]

    def run(x: Tensor, k: Tensor, *first: Tensor) -> tuple[Tensor, ...]:
        outputs, last = layer(x[:, :3], first, k)
        return outputs, *last

    assert torch.autograd.gradcheck(run, roots)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("kind", [LSTM, GRU])
@pytest.mark.parametrize("precision", [FP32, PLAIN])
def test_samples_share_what_they_read(kind: type[Recurrent], precision: Precision) -> None:
    layer, _ = pair(kind, precision)
    inputs, _, _ = leaves(kind)
    codes = torch.randn(3 * B, C, requires_grad=True)
    shared, last = layer(inputs, None, codes)
    apart, ends = layer(inputs.repeat(3, 1, 1), None, codes)
    torch.testing.assert_close(shared, apart, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(last, ends, rtol=1e-5, atol=1e-5)
    for a, b in zip(
        torch.autograd.grad(shared.square().sum(), [inputs, codes]),
        torch.autograd.grad(apart.square().sum(), [inputs, codes]),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("kind", [LSTM, GRU])
@pytest.mark.parametrize("precision", [FP32, BF16])
def test_what_follows_a_position_never_changes_it(kind: type[Recurrent], precision: Precision) -> None:
    layer, _ = pair(kind, precision)
    inputs, constant, _ = leaves(kind)
    longer = torch.cat([inputs, 100 * torch.ones(B, 2, I)], 1)
    torch.testing.assert_close(layer(longer, None, constant)[0][:, :T], layer(inputs, None, constant)[0])


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_steps_make_the_whole(kind: type[Recurrent]) -> None:
    layer, _ = pair(kind)
    inputs, constant, state = leaves(kind)
    outputs, last = layer(inputs, state, constant)
    for t in range(T):
        state = layer.step(inputs[:, t], state, constant)
        torch.testing.assert_close(state[0], outputs[:, t], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(state, last, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("engine")
def test_without_gradients_values_are_the_same() -> None:
    layer, _ = pair(LSTM)
    inputs, constant, _ = leaves(LSTM)
    with torch.no_grad():
        alone, _ = layer(inputs, None, constant)
    torch.testing.assert_close(alone, layer(inputs, None, constant)[0].detach())


@pytest.mark.usefixtures("engine")
def test_the_backward_pass_may_run_twice() -> None:
    layer, _ = pair(LSTM)
    inputs, constant, _ = leaves(LSTM)
    loss = layer(inputs, None, constant)[0].square().sum()
    first = torch.autograd.grad(loss, layer.bias, retain_graph=True)
    torch.testing.assert_close(first, torch.autograd.grad(loss, layer.bias))


@pytest.mark.usefixtures("engine")
def test_second_derivatives_are_refused_by_the_fused_path_and_given_by_the_plain_one() -> None:
    layer, _ = pair(LSTM)
    inputs, constant, _ = leaves(LSTM)
    (d,) = torch.autograd.grad(layer(inputs, None, constant)[0].sum(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match=r"fused kernels are differentiable once.*PLAIN"):
        d.square().sum().backward()
    for leaf in (inputs, constant, *layer.parameters()):
        (d,) = torch.autograd.grad(layer(inputs, None, constant)[0].sum(), inputs, create_graph=True)
        with pytest.raises(RuntimeError, match=r"fused kernels are differentiable once.*PLAIN"):
            torch.autograd.grad(d.square().sum(), leaf)
    with using(layer, PLAIN):
        (d,) = torch.autograd.grad(layer(inputs, None, constant)[0].sum(), inputs, create_graph=True)
    d.square().sum().backward()
    assert float(inputs.grad.abs().sum()) > 0  # type: ignore[union-attr]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("kind", [LSTM, GRU])
@pytest.mark.parametrize("started", [False, True])
def test_bf16_stays_near(kind: type[Recurrent], started: bool) -> None:
    layer, _ = pair(kind)
    inputs, constant, state = leaves(kind)
    roots = [inputs, constant, *(state if started else ()), *layer.parameters()]

    def found(precision: Precision) -> list[Tensor]:
        with using(layer, precision):
            outputs, last = layer(inputs, state if started else None, constant)
        assert outputs.dtype == torch.float32
        return [outputs.detach(), *torch.autograd.grad(outputs.square().sum() + last[-1].sum(), roots)]

    for rounded, exact in zip(found(BF16), found(PLAIN), strict=True):
        assert float((rounded - exact).norm() / exact.norm()) < 0.02


@pytest.mark.parametrize("kind", [LSTM, GRU])
@pytest.mark.parametrize("precision", [FP32, BF16])
def test_what_the_vendor_is_given(kind: type[Recurrent], precision: Precision, monkeypatch: pytest.MonkeyPatch) -> None:
    """cuDNN refuses states that do not lie in one piece, copies weights that do not, and reads its switch twice."""
    layer, _ = pair(kind, precision)
    inputs, constant, _ = leaves(kind)
    state = torch.randn(B, H * kind.num_states, requires_grad=True)
    seen: list[tuple[object, ...]] = []

    def run(*given: object) -> tuple[Tensor, ...]:
        seen.append(given)
        return {LSTM: torch.lstm, GRU: torch.gru}[kind](*given)  # type: ignore[arg-type]

    def products(exact: bool) -> Any:
        switches.append(exact)
        return kept(exact)

    switches: list[bool] = []
    kept = module._products
    monkeypatch.setattr(module, "_products", products)
    monkeypatch.setattr(Vendor, "faster", lambda self, device: True)
    monkeypatch.setattr(kind, "vendor", replace(kind.vendor, run=run))  # type: ignore[type-var]
    outputs, _ = layer(inputs, state.chunk(kind.num_states, 1), constant)
    outputs.sum().backward()
    assert state.grad is not None
    assert switches == [precision == FP32] * 2
    ((_, first, weights, _, _, _, learning, *_),) = seen
    assert all(each.is_contiguous() for each in (first if isinstance(first, list) else [first]))  # type: ignore[union-attr]
    ends = [each.data_ptr() + each.nbytes for each in weights]  # type: ignore[attr-defined]
    assert ends[:-1] == [each.data_ptr() for each in weights[1:]]  # type: ignore[index]
    assert learning
    with torch.no_grad():
        layer(inputs, None, constant)
    assert not seen[-1][6]


@pytest.mark.parametrize("exact", [True, False])
def test_the_vendors_switch_is_put_back(exact: bool) -> None:
    before = torch.backends.cudnn.rnn.fp32_precision  # type: ignore[attr-defined]
    with module._products(exact):
        assert torch.backends.cudnn.rnn.fp32_precision == ("ieee" if exact else "tf32")  # type: ignore[attr-defined]
    assert torch.backends.cudnn.rnn.fp32_precision == before  # type: ignore[attr-defined]
