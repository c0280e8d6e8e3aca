"""One step of a recurrent layer and its derivative, written out: the arithmetic between the matrix products.

    LSTM:  a = read + fed;   i, f, o = sigmoid(a[i, f, o]),   g = tanh(a[g])
           c' = f c + i g,   h' = o tanh(c')
    GRU:   r, u = sigmoid(read[r, u] + fed[r, u]),   n = tanh(read[n] + r (fed[n] + d)),   h' = n + u (h - n)

``read`` is what comes from the inputs, ``fed`` = U h what comes from the state before, each of G = gates * H numbers.
Everything is fp32 (or fp64), and in place wherever nobody else needs the old numbers.
Knows nothing of products, of time or of autograd.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

State = tuple[Tensor, ...]  # each [N, H]; the hidden state h is the first

_sigmoid_backward = torch.ops.aten.sigmoid_backward
_tanh_backward = torch.ops.aten.tanh_backward


class Cell(ABC):
    """How a state follows from the one before.

    Attributes:
        gates: blocks of H numbers in ``read`` and ``fed``.
        alike: whether the gradients of ``read`` and ``fed`` are the same; then they are one tensor.
    """

    gates: int
    alike: bool

    @abstractmethod
    def forward(
        self, read: Tensor, fed: Tensor | None, before: State, bias_hidden: Tensor | None, out: Tensor
    ) -> tuple[State, State]:
        """One step.

        Args:
            read: [N, G]; overwritten.
            fed: [N, G] of the products' dtype, or None for zeros; overwritten.
            before: the state before.
            bias_hidden: d [H], or None where the cell has none.
            out: [N, H], where the new h is to stand.

        Returns:
            The new state, and what ``backward`` must be given.
        """

    @abstractmethod
    def backward(self, d: State, kept: State, d_read: Tensor, d_fed: Tensor) -> tuple[Tensor | None, ...]:
        """The derivative of one step.

        Args:
            d: gradients of the new state; overwritten.
            kept: from ``forward``.
            d_read: [N, gates, H], to be filled.
            d_fed: the same; where gradients are ``alike``, it is ``d_read`` itself.

        Returns:
            Gradients of the state before, but for what comes through ``fed``; None for zeros.
        """


class LSTMCell(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997)."""

    gates, alike = 4, True

    def forward(
        self, read: Tensor, fed: Tensor | None, before: State, bias_hidden: Tensor | None, out: Tensor
    ) -> tuple[State, State]:
        """See ``Cell``; tanh(a) = 2 sigmoid(2 a) - 1 is several times cheaper than torch's."""
        c = before[1]
        width = c.shape[1]
        if fed is not None:
            read += fed
        last = read[:, 3 * width :]
        last.mul_(2)
        read.sigmoid_()
        last.mul_(2).sub_(1)
        i, f, o, g = read.view(-1, 4, width).unbind(1)
        after = torch.mul(f, c).addcmul_(i, g)
        squashed = torch.mul(after, 2).sigmoid_().mul_(2).sub_(1)
        torch.mul(o, squashed, out=out)
        return (out, after), (c, read, squashed)

    def backward(self, d: State, kept: State, d_read: Tensor, d_fed: Tensor) -> tuple[Tensor | None, ...]:
        """See ``Cell``."""
        (d_h, d_c), (c, gates, squashed) = d, kept
        i, f, o, g = gates.view(-1, 4, c.shape[1]).unbind(1)
        d_c += _tanh_backward(d_h * o, squashed)
        _sigmoid_backward(d_c * g, i, grad_input=d_read[:, 0])
        _sigmoid_backward(d_c * c, f, grad_input=d_read[:, 1])
        _sigmoid_backward(d_h.mul_(squashed), o, grad_input=d_read[:, 2])
        _tanh_backward(d_c * i, g, grad_input=d_read[:, 3])
        return None, d_c.mul_(f)


class GRUCell(Cell):
    """Gated recurrent unit (Cho et al. 2014), as in ``torch.nn.GRU``."""

    gates, alike = 3, False

    def forward(
        self, read: Tensor, fed: Tensor | None, before: State, bias_hidden: Tensor | None, out: Tensor
    ) -> tuple[State, State]:
        """See ``Cell``."""
        assert bias_hidden is not None
        (h,) = before
        width = h.shape[1]
        both, n = read[:, : 2 * width], read[:, 2 * width :]
        if fed is not None:
            both += fed[:, : 2 * width]
        both.sigmoid_()
        r, u = both.chunk(2, -1)
        again = bias_hidden.expand_as(h) if fed is None else fed[:, 2 * width :].to(h.dtype).add_(bias_hidden)
        n.addcmul_(r, again).mul_(2).sigmoid_().mul_(2).sub_(1)
        torch.lerp(n, h, u, out=out)
        return (out,), (h, read, again)

    def backward(self, d: State, kept: State, d_read: Tensor, d_fed: Tensor) -> tuple[Tensor | None, ...]:
        """See ``Cell``."""
        (d_h,), (h, gates, again) = d, kept
        r, u, n = gates.view(-1, 3, h.shape[1]).unbind(1)
        d_n = _tanh_backward(torch.addcmul(d_h, d_h, u, value=-1), n)
        _sigmoid_backward(d_n * again, r, grad_input=d_read[:, 0])
        _sigmoid_backward((h - n).mul_(d_h), u, grad_input=d_read[:, 1])
        d_read[:, 2] = d_n
        d_fed[:, :2] = d_read[:, :2]
        torch.mul(d_n, r, out=d_fed[:, 2])
        return (d_h.mul_(u),)
