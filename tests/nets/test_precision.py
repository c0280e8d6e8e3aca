"""A precision is resolved once, taken at its word when given, and put back where it was borrowed."""

import time

import pytest
import torch

from undersong.errors import UserError
from undersong.nets.precision import BF16, FP32, PLAIN, Precision, bf16_is_faster, resolve, set_precision, using
from undersong.nets.products import Matrix, OuterSum, multiplied_in, product, rounded_linear
from undersong.nets.recurrent import LSTM


def test_names() -> None:
    assert resolve("fp32") == FP32 == Precision("fp32")
    assert resolve("bf16") == BF16
    assert resolve("auto") in (FP32, BF16)
    with pytest.raises(UserError, match="auto, fp32 or bf16"):
        resolve("fp8")


@pytest.mark.parametrize("amx", [False, True])
def test_auto_probes_once_and_quickly(amx: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undersong.nets.precision.has_amx", lambda: amx)
    products = []
    multiply = torch.mm
    monkeypatch.setattr(torch, "mm", lambda *pair: products.append(pair[0].dtype) or multiply(*pair))
    bf16_is_faster.cache_clear()
    started = time.process_time()
    first = resolve("auto", "cpu")
    assert (time.process_time() - started) / torch.get_num_threads() < 0.5
    assert resolve("auto", torch.device("cpu")) == first
    assert bf16_is_faster.cache_info().misses == 1
    bf16_is_faster.cache_clear()
    arithmetic = multiplied_in(torch.bfloat16, "cpu") == torch.bfloat16
    assert set(products) == ({torch.float32, torch.bfloat16} if arithmetic and not amx else set())
    assert first == BF16 or not amx


@pytest.mark.parametrize(("times", "chosen"), [(2.0, BF16), (1.2, FP32), (0.5, FP32)])
def test_the_probe_chooses_bf16_where_its_product_is_clearly_faster(
    times: float, chosen: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undersong.nets.precision.has_amx", lambda: False)
    monkeypatch.setattr("undersong.nets.precision.multiplied_in", lambda dtype, device: dtype)
    now = 0.0

    def multiply(left: torch.Tensor, right: torch.Tensor) -> None:
        nonlocal now
        now += 0.01 if left.dtype == torch.float32 else 0.01 / times

    monkeypatch.setattr(torch, "mm", multiply)
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    bf16_is_faster.cache_clear()
    assert resolve("auto", "cpu") == chosen
    bf16_is_faster.cache_clear()


def test_auto_follows_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undersong.nets.precision.bf16_is_faster", lambda device: False)
    assert resolve("auto") == FP32
    monkeypatch.setattr("undersong.nets.precision.bf16_is_faster", lambda device: True)
    assert resolve("auto") == BF16


def test_using_puts_back_what_was_there() -> None:
    both = torch.nn.ModuleList([LSTM(2, 3), LSTM(2, 3)])
    set_precision(both[0], BF16)

    def fail() -> None:
        with using(both, PLAIN):
            assert both[0].precision == both[1].precision == PLAIN
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert both[0].precision == BF16
    assert both[1].precision == FP32


@pytest.mark.parametrize("uses", [1, 1000])  # as it lies, and laid out
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05), (torch.float64, 1e-12)])
def test_products(uses: int, turned: bool, dtype: torch.dtype, error: float) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(7, 5, dtype=torch.float64) if not turned else torch.randn(5, 7, dtype=torch.float64).t()
    left, bias = (torch.randn(*shape, dtype=torch.float64) for shape in ((3, 5), (7,)))
    ready = Matrix(matrix.to(torch.float32 if dtype != torch.float64 else dtype), dtype, 3, uses)
    expected = left @ matrix.t()
    for made, wanted in (
        (ready(left.to(dtype)), expected),
        (ready(left.to(dtype), bias.to(dtype)), expected + bias),
    ):
        assert made.dtype == dtype
        torch.testing.assert_close(made.double(), wanted, rtol=error, atol=error)


def test_products_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undersong.nets.products._onednn", lambda device, dtype: False)
    left, matrix = torch.randn(3, 5), torch.randn(7, 5)
    torch.testing.assert_close(Matrix(matrix, torch.float32, 3, 1000)(left), left @ matrix.t())


def _forced(monkeypatch: pytest.MonkeyPatch, inside: torch.dtype) -> None:
    monkeypatch.setattr("undersong.nets.products.multiplied_in", lambda dtype, device: inside)


@pytest.mark.parametrize("uses", [1, 1000])
def test_without_arithmetic_for_bf16_the_rounded_numbers_are_multiplied_in_fp32(
    uses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wholes up to 16 and their products are exact in bf16, their sums beyond 256 in fp32 alone."""
    torch.manual_seed(0)
    left, right = (torch.randint(-16, 17, (n, 40)).float() for n in (3, 7))
    bias = torch.randint(-16, 17, (7,)).float()
    wanted = left @ right.t()
    assert wanted.abs().max() > 256
    _forced(monkeypatch, torch.float32)
    short = torch.bfloat16
    room = torch.empty(3, 7, dtype=short)
    outer = OuterSum(torch.empty(3, 7))
    outer.add(left.t().to(short), right.t().to(short))
    made = [
        (Matrix(right, short, 3, uses)(left.to(short)), wanted),
        (Matrix(right, short, 3, uses)(left.to(short), bias.to(short)), wanted + bias),
        (product(left.to(short), right.t().to(short)), wanted),
        (product(left.to(short), right.t().to(short), out=room), wanted),
        (room, wanted),
        (rounded_linear(left, right, short), wanted),
        (outer.total(), wanted),
    ]
    for found, expected in made:
        assert torch.equal(found.float(), expected.to(short).float())
    assert [found.dtype for found, _ in made] == [short] * 5 + [torch.float32] * 2
    assert product(left.to(short), right.t().to(short), out=room) is room


def test_what_is_rounded_for_fp32_arithmetic_is_what_bf16_arithmetic_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    _forced(monkeypatch, torch.float32)
    off = torch.tensor([[1 + 2**-12]])  # a bf16 number has 8 bits
    assert rounded_linear(off, off, torch.bfloat16).item() == 1.0
    assert Matrix(off, torch.bfloat16, 1, 1)(torch.ones(1, 1, dtype=torch.bfloat16)).item() == 1.0


def test_bf16_is_usable_on_any_processor() -> None:
    """Two hundred times slower than fp32, as torch's own products are where no arithmetic is, would not be."""
    left, right = torch.ones(64, 512), torch.ones(1024, 512)
    arms = [(Matrix(right, dtype, 64, 1), left.to(dtype)) for dtype in (torch.float32, torch.bfloat16)]
    best = [float("inf")] * 2
    for turn in range(10):
        for arm, (matrix, read) in enumerate(arms):
            before = time.perf_counter()
            matrix(read)
            if turn:
                best[arm] = min(best[arm], time.perf_counter() - before)
    assert best[1] < 20 * best[0]
