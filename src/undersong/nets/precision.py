"""How the nets multiply matrices: fp32, or bf16 products with fp32 sums where the machine is faster at them.

Parameters, gradients, optimiser state and sums stay fp32 whatever is chosen here; what large matrix products read is
rounded, and what they give is rounded once. Whether that pays depends on the machine: several times faster with
AMX, slower without arithmetic for it, and between the two ``auto`` times a product of each kind, once a process.

Knows nothing of what is multiplied.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from undersong.errors import UserError
from undersong.nets.products import has_amx, multiplied_in


@dataclass(frozen=True)
class Precision:
    """How a net computes.

    Attributes:
        name: ``"fp32"`` or ``"bf16"``: what matrix products read. This is what a run stores and reuses.
        fused: kernels with their own backward pass, which is first order only; False takes the plain operations
            of autograd, slower but differentiable any number of times.

    >>> Precision("bf16").dtype
    torch.bfloat16
    """

    name: str = "fp32"
    fused: bool = True

    def __post_init__(self) -> None:
        if self.name not in ("fp32", "bf16"):
            raise UserError(f"precision {self.name!r} is not known: use auto, fp32 or bf16")

    @property
    def dtype(self) -> torch.dtype:
        """What the inputs of matrix products are rounded to."""
        return torch.bfloat16 if self.name == "bf16" else torch.float32


_CLEARLY = 1.3  # times faster: less would not pay for rounding

ONCE = (
    "The fused kernels are differentiable once, and this differentiates their gradient: run it inside "
    "`undersong.nets.precision.using(module, PLAIN)`."
)

FP32 = Precision("fp32")
BF16 = Precision("bf16")
PLAIN = Precision("fp32", fused=False)


def resolve(name: str, device: torch.device | str = "cpu") -> Precision:
    """The precision to use: ``auto`` probes the machine, ``fp32`` and ``bf16`` are taken at their word.

    Args:
        name: ``auto``, ``fp32`` or ``bf16``.
        device: where the nets will run.

    Raises:
        UserError: for another name.

    >>> resolve("fp32")
    Precision(name='fp32', fused=True)
    """
    if name != "auto":
        return Precision(name)
    return BF16 if bf16_is_faster(str(device)) else FP32


@cache
def bf16_is_faster(device: str) -> bool:
    """Whether a bf16 product takes clearly less time than the same in fp32: known, or measured once (under 0.5 s)."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported()
    if not device.startswith("cpu"):
        return False
    if has_amx():  # neighbours on its tiles could mislead a short measurement, and do not change the answer
        return True
    if multiplied_in(torch.bfloat16, device) != torch.bfloat16:
        return False
    with torch.no_grad():
        left, right = torch.ones(128, 512), torch.ones(512, 2048)
        pairs = [(left, right), (left.bfloat16(), right.bfloat16())]
        best = [float("inf"), float("inf")]
        until = time.perf_counter() + 0.2
        turn = 0
        # In turns, and the fastest of each counts: whatever else runs disturbs both alike.
        while turn < 6 or time.perf_counter() < until:
            before = time.perf_counter()
            torch.mm(*pairs[turn % 2])
            seconds = time.perf_counter() - before
            if turn > 1:  # the first products pay for their kernels
                best[turn % 2] = min(best[turn % 2], seconds)
            turn += 1
    return best[0] > _CLEARLY * best[1]


@contextmanager
def using(module: nn.Module, precision: Precision) -> Iterator[None]:
    """Run everything inside ``module`` at ``precision``, and put back what was there at the end."""
    before = [(part, part.precision) for part in module.modules() if hasattr(part, "precision")]
    set_precision(module, precision)
    try:
        yield
    finally:
        for part, old in before:
            setattr(part, "precision", old)  # noqa: B010


def set_precision(module: nn.Module, precision: Precision) -> None:
    """Give ``precision`` to every part of ``module`` that has one."""
    for part in module.modules():
        if hasattr(part, "precision"):
            setattr(part, "precision", precision)  # noqa: B010
