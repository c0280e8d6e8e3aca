"""A recurrent layer over whole sequences by its vendor's kernel: cuDNN's, on CUDA.

There a step's many small kernels (``nets.scan``) wait for their start longer than they run, and cuDNN starts few. On a
CPU the scan is faster, since it multiplies a word's vector once a batch; tests compare what torch runs there.
Knows nothing of modules, words or padding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

State = tuple[Tensor, ...]


def faster(device: str) -> bool:
    """Whether the vendor's kernel is the one to use on a device's type.

    >>> faster("cuda"), faster("cpu")
    (True, False)
    """
    return device == "cuda"


@dataclass(frozen=True)
class Vendor:
    """One kind of layer.

    Attributes:
        run: torch's function for it, ``torch.lstm`` or ``torch.gru``.
        order: where the gates of its weights stand in ours.
    """

    run: Callable[..., tuple[Tensor, ...]]
    order: tuple[int, ...]

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
        """Hidden states; differentiable once on CUDA. G = gates * H.

        Args:
            read: [T, N, I].
            state: tensors [N, H], the hidden state first.
            weight_input: [G, I].
            weight_hidden: [G, H].
            bias: [G].
            bias_hidden: [H], added to the last block of U h; None for zeros.
            exact: products in fp32; else in TF32 where the device has it.

        Returns:
            Hidden states [T, N, H], and the last state.
        """
        second = torch.zeros_like(bias)
        if bias_hidden is not None:
            second = torch.cat([second[: -len(bias_hidden)], bias_hidden])
        weights = _side_by_side([self._ordered(each) for each in (weight_input, weight_hidden, bias, second)])
        given: Any = tuple(each[None] for each in state)
        learning = torch.is_grad_enabled()
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=not exact):
            hidden, *last = self.run(
                read, given if len(given) > 1 else given[0], weights, True, 1, 0.0, learning, False, False
            )
        return hidden, tuple(each[0] for each in last)

    def _ordered(self, rows: Tensor) -> Tensor:
        blocks = rows.chunk(len(self.order))
        return torch.cat([blocks[k] for k in self.order])


def _side_by_side(weights: list[Tensor]) -> list[Tensor]:
    """The same numbers in one piece of memory, as cuDNN wants its weights to lie; it would copy them at every call."""
    flat = torch.cat([each.flatten() for each in weights]).split([each.numel() for each in weights])
    return [part.view_as(each) for part, each in zip(flat, weights, strict=True)]
