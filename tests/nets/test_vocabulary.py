"""The fused loss is the plain one: values and gradients, whatever the rows, weights and logits; and it stays small."""

from collections.abc import Iterator

import pytest
import torch
from tests.nets.interpreted import interpreted
from torch import Tensor

from undersong.nets import exp_pass, fused, products, softmax_pass
from undersong.nets.exp_pass import ExpPass
from undersong.nets.precision import BF16, FP32, PLAIN, Precision, using
from undersong.nets.softmax_pass import SoftmaxPass
from undersong.nets.vocabulary import Vocabulary

Used = set[str]  # what has made probabilities


def ask_for(name: str, monkeypatch: pytest.MonkeyPatch) -> Used:
    """Have probabilities made by exp of columns, by softmax of rows or by CUDA's kernel in Triton's interpreter."""
    used: Used = set()
    monkeypatch.setattr(fused, "on_intel", lambda device: name == "exp")
    for kind, its_name in ((ExpPass, "exp"), (SoftmaxPass, "softmax")):
        run = kind.run
        monkeypatch.setattr(kind, "run", lambda *given, run=run, its=its_name: used.add(its) or run(*given))
    if name == "triton":
        interpreted()
        kernel = softmax_pass._kernel
        monkeypatch.setattr(softmax_pass, "_has_kernel", lambda device: True)
        monkeypatch.setattr(
            softmax_pass, "_kernel", lambda *given, keep: used.add("triton") or kernel(*given, keep=keep)
        )
    return used


def chunks_of(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (exp_pass, softmax_pass):
        monkeypatch.setattr(module, "_CHUNK", size)


@pytest.fixture(params=["exp", "softmax", "triton"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Used]:
    used = ask_for(request.param, monkeypatch)
    yield used
    assert request.param in used or "no_rows" in request.node.name


def case(rows: int, vocab: int = 97, width: int = 16, scale: float = 1.0) -> tuple[Vocabulary, Tensor, Tensor]:
    torch.manual_seed(0)
    layer = Vocabulary(vocab, width)
    with torch.no_grad():
        layer.bias.normal_()
    return layer, (scale * torch.randn(rows, width)).requires_grad_(), torch.randint(vocab, (rows,))


def gradients(layer: Vocabulary, hidden: Tensor, targets: Tensor, upstream: Tensor, weighted: bool) -> list[Tensor]:
    value = layer.log_prob(hidden, targets, weighted)
    return [value.detach(), *torch.autograd.grad(value, [hidden, layer.weight, layer.bias], upstream)]


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("rows", [1, 7, 8, 9, 64])  # chunks of 8 rows: below, at and over their borders
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("even", [False, True])
def test_fused_equals_plain(rows: int, weighted: bool, even: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks_of(8 * 97 * 4, monkeypatch)
    layer, hidden, targets = case(rows)
    upstream = torch.full((rows,), 0.25) if even else torch.randn(rows)
    ours = gradients(layer, hidden, targets, upstream, weighted)
    with using(layer, PLAIN):
        plain = gradients(layer, hidden, targets, upstream, weighted)
    for a, b in zip(ours, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("scale", [1e4, 1e-6])
def test_extreme_logits(scale: float) -> None:
    layer, hidden, targets = case(5, scale=scale)
    upstream = torch.randn(5)
    ours = gradients(layer, hidden, targets, upstream, weighted=False)
    with using(layer, PLAIN):
        plain = gradients(layer, hidden, targets, upstream, weighted=False)
    for a, b in zip(ours, plain, strict=True):
        assert torch.isfinite(a).all()
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("kernel")
def test_an_impossible_target_keeps_its_value() -> None:
    layer, _, _ = case(1)
    with torch.no_grad():
        layer.bias.zero_()[3] = -1e4
        layer.bias[4] = 1e4
    hidden = torch.zeros(1, 16, requires_grad=True)
    value = layer.log_prob(hidden, torch.tensor([3]))
    assert value.item() == pytest.approx(-2e4)
    assert torch.isfinite(torch.autograd.grad(value.sum(), hidden)[0]).all()


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("precision", [FP32, BF16])
def test_where_exp_overflows_softmax_stands_in(
    scale: float, alone: bool, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = ask_for("exp", monkeypatch)
    layer, hidden, targets = case(5, scale=scale)
    with using(layer, precision), torch.set_grad_enabled(not alone):
        value = layer.log_prob(hidden, targets)
    assert value.isfinite().all()
    assert used == ({"exp"} if scale == 1 else {"exp", "softmax"})


@pytest.mark.parametrize("log_p", [-55.0, -70.0, -87.0, -88.5])
def test_just_below_overflow_gradients_are_right(log_p: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """There exp itself is a number, but exp times a word's vector need not be."""
    used = ask_for("exp", monkeypatch)
    layer, hidden, _ = case(5)
    with torch.no_grad():
        layer.bias.zero_()[4] = -log_p
        layer.weight[4] *= 1e3
        hidden.mul_(1e-3)
    targets = torch.full((5,), 3)
    upstream = torch.randn(5)
    ours = gradients(layer, hidden, targets, upstream, weighted=False)
    with using(layer, PLAIN):
        plain = gradients(layer, hidden, targets, upstream, weighted=False)
    for a, b in zip(ours, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    assert ("softmax" in used) == (float(plain[0].min()) < -60)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_in_double_precision(weighted: bool) -> None:
    layer, hidden, targets = case(5, vocab=11, width=4)
    layer = layer.double()

    def score(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return fused.log_prob(h, weight, bias, targets, FP32, weighted)

    assert torch.autograd.gradcheck(score, (hidden.detach().double().requires_grad_(), layer.weight, layer.bias))


@pytest.mark.usefixtures("kernel")
def test_without_gradients_values_are_the_same() -> None:
    layer, hidden, targets = case(33)
    with torch.no_grad():
        alone = layer.log_prob(hidden, targets)
    torch.testing.assert_close(alone, layer.log_prob(hidden, targets).detach(), rtol=1e-6, atol=1e-5)


@pytest.mark.usefixtures("kernel")
def test_only_what_needs_a_gradient_gets_one() -> None:
    layer, hidden, targets = case(9)
    layer.requires_grad_(False)
    (d_hidden,) = torch.autograd.grad(layer.log_prob(hidden, targets).sum(), hidden)
    with using(layer, PLAIN):
        (plain,) = torch.autograd.grad(layer.log_prob(hidden, targets).sum(), hidden)
    torch.testing.assert_close(d_hidden, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("kernel")
def test_no_rows() -> None:
    layer, hidden, targets = case(0)
    value = layer.log_prob(hidden, targets)
    assert value.shape == (0,)
    value.sum().backward()
    assert float(layer.weight.grad.abs().sum()) == 0  # type: ignore[union-attr]


@pytest.mark.usefixtures("kernel")
def test_the_backward_pass_may_run_twice() -> None:
    layer, hidden, targets = case(9)
    loss = layer.log_prob(hidden, targets).mean()
    first = torch.autograd.grad(loss, [hidden, layer.weight, layer.bias], retain_graph=True)
    kept = [g.clone() for g in first]
    second = torch.autograd.grad(loss, [hidden, layer.weight, layer.bias])
    for a, b, c in zip(first, second, kept, strict=True):
        torch.testing.assert_close(a, c, rtol=0, atol=0)
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_second_derivatives_are_refused_by_the_fused_path_and_given_by_the_plain_one() -> None:
    layer, hidden, targets = case(3)
    (d,) = torch.autograd.grad(layer.log_prob(hidden, targets).sum(), hidden, create_graph=True)
    with pytest.raises(RuntimeError, match=r"fused kernels are differentiable once.*PLAIN"):
        d.square().sum().backward()
    for leaf in (hidden, layer.weight, layer.bias):  # asked of one alone, it would have been left out in silence
        for of in (hidden, layer.weight, layer.bias):
            (d,) = torch.autograd.grad(layer.log_prob(hidden, targets).sum(), of, create_graph=True)
            with pytest.raises(RuntimeError, match=r"fused kernels are differentiable once.*PLAIN"):
                torch.autograd.grad(d.square().sum(), leaf)
    with using(layer, PLAIN):
        (d,) = torch.autograd.grad(layer.log_prob(hidden, targets).sum(), hidden, create_graph=True)
    d.square().sum().backward()
    assert float(hidden.grad.abs().sum()) > 0  # type: ignore[union-attr]


@pytest.mark.usefixtures("kernel")
def test_bf16_stays_near() -> None:
    layer, hidden, targets = case(400, vocab=500, width=64)
    upstream = torch.full((400,), 1 / 400)
    exact = gradients(layer, hidden, targets, upstream, weighted=False)
    with using(layer, BF16):
        rounded = gradients(layer, hidden, targets, upstream, weighted=False)
    assert abs(float((rounded[0] - exact[0]).mean())) < 2e-3  # rounding does not lean to one side
    for a, b in zip(rounded[1:], exact[1:], strict=True):
        assert a.dtype == torch.float32
        assert float((a - b).norm() / b.norm()) < 0.01


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_in_bf16_log_p_by_exp_is_hardly_further_off_than_by_softmax(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, hidden, targets = case(4000, vocab=500, width=64, scale=scale)
    exact = layer.log_prob(hidden, targets)
    off = {}
    for name in ("exp", "softmax"):
        used = ask_for(name, monkeypatch)
        with using(layer, BF16):
            off[name] = float((layer.log_prob(hidden, targets) - exact).square().mean().sqrt())
        assert used == {name}
    assert 0 < off["exp"] < 1.1 * off["softmax"]  # where all words are alike, rounding of their sum is what counts
    assert off["exp"] < 0.01  # nats


@pytest.mark.usefixtures("kernel")
def test_bf16_in_many_chunks_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of rows, blocks of a chunk that are summed at a time, blocks of the gradient: all of them count."""
    chunks_of(2 * 500 * 64, monkeypatch)
    monkeypatch.setattr(softmax_pass, "_SUMMED", 4 * 500 * 20)
    monkeypatch.setattr(products, "_ADDED", 130)
    layer, hidden, targets = case(400, vocab=500, width=64)
    upstream = torch.full((400,), 1 / 400)
    exact = gradients(layer, hidden, targets, upstream, weighted=False)
    with using(layer, BF16):
        rounded = gradients(layer, hidden, targets, upstream, weighted=False)
        with torch.no_grad():
            alone = layer.log_prob(hidden, targets)
    torch.testing.assert_close(alone, exact[0], rtol=0, atol=0.02)
    for a, b in zip(rounded[1:], exact[1:], strict=True):
        assert float((a - b).norm() / b.norm()) < 0.01
        for rows, wanted in zip(a.split(50), b.split(50), strict=True):
            assert float((rows - wanted).norm() / wanted.norm()) < 0.03


def test_a_kernel_that_cannot_be_made_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(logits: Tensor, lse: Tensor, keep: bool) -> None:
        raise RuntimeError("Failed to find C compiler")

    zeros = torch.zeros
    monkeypatch.setattr(softmax_pass, "find_spec", lambda name: object())
    monkeypatch.setattr(softmax_pass, "_kernel", broken)
    monkeypatch.setattr(torch, "zeros", lambda *size, device: zeros(*size))
    softmax_pass._has_kernel.cache_clear()
    with pytest.warns(UserWarning, match="Failed to find C compiler"):
        assert not softmax_pass._has_kernel("cuda")
    softmax_pass._has_kernel.cache_clear()


@pytest.mark.usefixtures("kernel")
def test_tied_weights_gather_both_gradients() -> None:
    layer, _, targets = case(6)
    embed = torch.nn.Embedding(97, 16)
    tied = Vocabulary(97, 16, weight=embed.weight)
    with torch.no_grad():
        tied.weight.copy_(layer.weight)
    tied.log_prob(embed(targets), targets).sum().backward()
    fused_gradient = embed.weight.grad.clone()  # type: ignore[union-attr]
    embed.weight.grad = None
    with using(tied, PLAIN):
        tied.log_prob(embed(targets), targets).sum().backward()
    torch.testing.assert_close(fused_gradient, embed.weight.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["exp", "softmax"])
def test_never_holds_all_logits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    used = ask_for(name, monkeypatch)
    rows, vocab, width = 8192, 4000, 8
    layer, hidden, targets = case(rows, vocab, width)
    with torch.profiler.profile(profile_memory=True) as record:
        layer.log_prob(hidden, targets).sum().backward()
    largest = max(event.cpu_memory_usage for event in record.events() if "::" in event.name)
    assert used == {name}
    chunk = {"exp": exp_pass, "softmax": softmax_pass}[name]._CHUNK
    assert largest <= chunk < rows * vocab * 4 / 3
    held = peak = 0
    for event in record.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    assert 0 < peak < 3 * chunk  # a chunk's logits, its probabilities, and small change
