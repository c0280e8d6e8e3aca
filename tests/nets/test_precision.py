"""A precision is resolved once, taken at its word when given, and put back where it was borrowed."""

import time

import pytest
import torch

from undersong.errors import UserError
from undersong.nets.precision import BF16, FP32, PLAIN, Precision, bf16_is_faster, resolve, set_precision, using
from undersong.nets.products import Matrix
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
    assert set(products) == (set() if amx else {torch.float32, torch.bfloat16})
    assert first == BF16 or not amx


@pytest.mark.parametrize(("times", "chosen"), [(2.0, BF16), (1.2, FP32), (0.5, FP32)])
def test_the_probe_chooses_bf16_where_its_product_is_clearly_faster(
    times: float, chosen: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undersong.nets.precision.has_amx", lambda: False)
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
