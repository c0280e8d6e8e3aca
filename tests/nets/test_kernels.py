"""The kernel for CUDA, in Triton's interpreter: softmax and logsumexp, whatever the rows hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.nets.interpreted import interpreted


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("words", [1, 3, 4096, 5001])  # a block is of 4096 numbers
@pytest.mark.parametrize("keep", [True, False])
def test_rows_become_probabilities(dtype: torch.dtype, words: int, keep: bool) -> None:
    interpreted()
    from undersong.nets.kernels import softmax_

    torch.manual_seed(0)
    kept = torch.float64 if dtype == torch.float64 else torch.float32
    given = torch.randn(3, words + 2).mul(20).to(dtype)[:, :words]  # rows lie apart
    logits, lse = given.clone(memory_format=torch.preserve_format), torch.empty(3, dtype=kept)
    softmax_(logits, lse, keep)
    torch.testing.assert_close(lse, given.to(kept).logsumexp(-1))
    wanted = given.to(kept).softmax(-1).to(dtype) if keep else given
    one_off = 2**-7  # in the last place of bf16: the interpreter cuts where devices round
    torch.testing.assert_close(logits, wanted, rtol=one_off if dtype == torch.bfloat16 else 1e-5, atol=1e-30)


@pytest.mark.parametrize("first", [-1e38, -torch.inf])
def test_a_block_of_impossible_words_changes_nothing(first: float) -> None:
    interpreted()
    from undersong.nets.kernels import softmax_

    logits, lse = torch.full((2, 5000), first), torch.empty(2)
    logits[0, -1] = 7.0
    logits[1, [0, 4999]] = torch.tensor([1e4, 1e4])
    wanted = logits.softmax(-1)
    softmax_(logits, lse, keep=True)
    torch.testing.assert_close(lse, torch.tensor([7.0, 1e4 + 0.6931472]))
    torch.testing.assert_close(logits, wanted)


COMPILE = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from undersong.nets.kernels import _row
kinds = {"logits": "*DTYPE", "lse": "*fp32", "stride": "i32", "words": "i32", "BLOCK": "constexpr", "KEEP": "constexpr"}
for keep in (True, False):
    source = ASTSource(fn=_row, signature=kinds, constexprs={"BLOCK": 4096, "KEEP": keep})
    print(len(compile(source, target=GPUTarget("cuda", CAPABILITY, 32)).asm["cubin"]))
"""


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("capability", [80, 90])
def test_it_compiles_for_devices(dtype: str, capability: int, tmp_path: Path) -> None:
    """The compiler takes less than its interpreter, and needs no device to make a device's program."""
    pytest.importorskip("triton", reason="Triton is missing: `make test` installs it on Linux")
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"} | {"TRITON_CACHE_DIR": str(tmp_path)}
    program = COMPILE.replace("DTYPE", dtype).replace("CAPABILITY", str(capability))
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [int(size) > 0 for size in done.stdout.split()] == [True, True]
