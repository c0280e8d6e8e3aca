"""A recurrent layer over whole sequences by its vendor's kernel: cuDNN's, on CUDA.

There a step's many small kernels (``nets.scan``) wait for their start longer than they run, and cuDNN starts few. On a
CPU the scan is faster, since it multiplies a word's vector once a batch; tests compare what torch runs there.
Knows nothing of modules, words or padding.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undersong.distributions.first_order import first_order
from undersong.nets.cells import State
from undersong.nets.precision import ONCE


@dataclass(frozen=True)
class Vendor:
    """One kind of layer.

    Attributes:
        run: torch's function for it, ``torch.lstm`` or ``torch.gru``.
        order: where the gates of its weights stand in ours.
    """

    run: Callable[..., tuple[Tensor, ...]]
    order: tuple[int, ...]

    @staticmethod
    def faster(device: str) -> bool:
        """Whether the vendor's kernel is the one to use on a device's type.

        >>> Vendor.faster("cuda"), Vendor.faster("cpu")
        (True, False)
        """
        return device == "cuda"

    def __call__(
        self,
        read: Tensor,
        state: State,
        weight_input: Tensor,
        weight_hidden: Tensor,
        bias: Tensor,
        bias_hidden: Tensor | None,
        exact: bool,
    ) -> tuple[Tensor, State]:
        """Hidden states; differentiable once. G = gates * H.

        Args:
            read: [T, N, I].
            state: tensors [N, H], the hidden state first.
            weight_input: [G, I].
            weight_hidden: [G, H].
            bias: [G].
            bias_hidden: [H], added to the last block of U h; None for zeros.
            exact: products in fp32, forward and backward; else in TF32 where the device has it.

        Returns:
            Hidden states [T, N, H], and the last state.
        """
        second = torch.zeros_like(bias)
        if bias_hidden is not None:
            second = torch.cat([second[: -len(bias_hidden)], bias_hidden])
        weights = [self._ordered(each) for each in (weight_input, weight_hidden, bias, second)]
        learning = torch.is_grad_enabled()
        hidden, *last = _Read.apply(self.run, exact, learning, len(state), read, *state, *weights)
        return hidden, tuple(last)

    def _ordered(self, rows: Tensor) -> Tensor:
        blocks = rows.chunk(len(self.order))
        return torch.cat([blocks[k] for k in self.order])


@first_order(ONCE)
class _Read(torch.autograd.Function):
    """The vendor's own derivative, made under the same precision as its values: cuDNN reads the switch both times."""

    @staticmethod
    def forward(
        ctx: Any, run: Callable[..., tuple[Tensor, ...]], exact: bool, learning: bool, states: int, *given: Tensor
    ) -> tuple[Tensor, ...]:
        leaves = [t.detach().requires_grad_(wanted) for t, wanted in zip(given, ctx.needs_input_grad[4:], strict=True)]
        with torch.set_grad_enabled(learning), _products(exact):
            read, state, weights = leaves[0], leaves[1 : states + 1], _side_by_side(leaves[states + 1 :])
            first: Any = [each[None].contiguous() for each in state]  # cuDNN refuses states that lie otherwise
            hidden, *last = run(read, first if states > 1 else first[0], weights, True, 1, 0.0, learning, False, False)
            found = (hidden, *(each[0] for each in last))
        ctx.leaves, ctx.found, ctx.exact = leaves, found if learning else (), exact
        return tuple(each.detach() for each in found)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        wanted = [leaf for leaf in ctx.leaves if leaf.requires_grad]
        with torch.enable_grad(), _products(ctx.exact):
            made = iter(torch.autograd.grad(ctx.found, wanted, upstream, retain_graph=True))
        return None, None, None, None, *(next(made) if leaf.requires_grad else None for leaf in ctx.leaves)


def _side_by_side(weights: list[Tensor]) -> list[Tensor]:
    """The same numbers in one piece of memory, as cuDNN wants its weights to lie; it would copy them at every call."""
    flat = torch.cat([each.flatten() for each in weights]).split([each.numel() for each in weights])
    return [part.view_as(each) for part, each in zip(flat, weights, strict=True)]


@contextmanager
def _products(exact: bool) -> Iterator[None]:
    """cuDNN's products in fp32 or in TF32, and as they were afterwards."""
    layers: Any = torch.backends.cudnn.rnn
    before = layers.fp32_precision
    layers.fp32_precision = "ieee" if exact else "tf32"
    try:
        yield
    finally:
        layers.fp32_precision = before
