"""An LSTM over whole sequences, forward and backward, as few large kernels.

    a_t = W x_t + C k + b + U h_{t-1};   i, f, o = sigmoid(a_t[i, f, o]),   g = tanh(a_t[g])
    c_t = f c_{t-1} + i g,   h_t = o tanh(c_t)

W x is one product for all that is read, made once for each row that differs, however often it is read: in sentences
most words stand several times in a batch. The gradients of W, U and C are one product each over all steps, where
autograd would make one a step. Products read ``dtype``; the arithmetic of the gates is always fp32.
Knows nothing of modules, words or padding.
"""

from typing import Any

import torch
from torch import Tensor

from undersong.nets.first_order import first_order
from undersong.nets.products import Matrix

_sigmoid_backward = torch.ops.aten.sigmoid_backward
_embedding_backward = torch.ops.aten.embedding_dense_backward
_tanh_backward = torch.ops.aten.tanh_backward


def lstm(
    inputs: Tensor,
    where: Tensor,
    fixed: Tensor | None,
    weight_input: Tensor,
    weight_hidden: Tensor,
    bias: Tensor,
    state: tuple[Tensor, ...] | None,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Hidden states of a layer whose gates lie in the order i, f, o, g; differentiable once.

    Args:
        inputs: [U, I], the rows that are read.
        where: int64 [T, B], which row each sequence reads at each step.
        fixed: what is added to the gates at every step, [S * B, 4H] with samples first, or None.
        weight_input: [4H, I].
        weight_hidden: [4H, H].
        bias: [4H].
        state: (h, c), each [S * B, H], or None for zeros, which then costs no product.
        dtype: what the products read.

    Returns:
        Hidden states [T, S * B, H], and the last c [S * B, H].
    """
    h, c = state if state is not None else (None, None)
    given = (inputs, where, fixed, weight_input, weight_hidden, bias, h, c)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in given):
        return _Scan.apply(*given, dtype)
    hidden, c = _read(*given, dtype, trace=None)
    return hidden[1:], c


def _squash(gates: Tensor, width: int) -> None:
    """i, f, o through sigmoid, g through tanh(a) = 2 sigmoid(2 a) - 1, several times cheaper than torch's tanh."""
    g = gates[:, 3 * width :]
    g.mul_(2)
    gates.sigmoid_()
    g.mul_(2).sub_(1)


def _read(
    inputs: Tensor,
    where: Tensor,
    fixed: Tensor | None,
    weight_input: Tensor,
    weight_hidden: Tensor,
    bias: Tensor,
    h: Tensor | None,
    c: Tensor | None,
    dtype: torch.dtype,
    trace: list[Tensor] | None,
) -> tuple[Tensor, Tensor]:
    """All hidden states [T + 1, S * B, H], the first included, and the last c.

    ``trace`` gathers what the backward pass needs of each step: c_{t-1}, the gates, tanh(c_t).
    """
    steps, sentences = where.shape
    width = weight_hidden.shape[1]
    rows = fixed.shape[0] if fixed is not None else h.shape[0] if h is not None else sentences
    kept = bias.dtype  # of gates, cells and hidden states
    read = Matrix(weight_input, dtype, len(inputs), uses=1)(inputs.to(dtype), bias.to(dtype))  # [U, 4H]
    recur = Matrix(weight_hidden, dtype, rows, steps)
    hidden = inputs.new_empty(steps + 1, rows, width, dtype=kept)
    hidden[0] = 0 if h is None else h
    cell = torch.zeros_like(hidden[0]) if c is None else c
    for t in range(steps):
        gates = torch.empty(rows, 4 * width, dtype=kept, device=hidden.device)
        spread = gates.view(-1, sentences, 4 * width)
        now = read[where[t]]
        spread.copy_(now) if fixed is None else torch.add(now, fixed.view_as(spread), out=spread)
        if t or h is not None:
            before = hidden[t].to(dtype)
            gates += recur(before)
        _squash(gates, width)
        i, f, o, g = gates.view(rows, 4, width).unbind(1)
        after = torch.mul(f, cell).addcmul_(i, g)
        squashed = torch.mul(after, 2).sigmoid_().mul_(2).sub_(1)
        torch.mul(o, squashed, out=hidden[t + 1])
        if trace is not None:
            trace += (cell, gates, squashed)
        cell = after
    return hidden, cell


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        where: Tensor,
        fixed: Tensor | None,
        weight_input: Tensor,
        weight_hidden: Tensor,
        bias: Tensor,
        h: Tensor | None,
        c: Tensor | None,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        trace: list[Tensor] = []
        hidden, last = _read(inputs, where, fixed, weight_input, weight_hidden, bias, h, c, dtype, trace)
        ctx.save_for_backward(inputs, where, weight_input, weight_hidden, hidden, *trace)
        ctx.dtype, ctx.started, ctx.fixed = dtype, h is not None, fixed is not None
        return hidden[1:], last

    @staticmethod
    @first_order
    def backward(ctx: Any, d_outputs: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:
        inputs, where, weight_input, weight_hidden, hidden, *trace = ctx.saved_tensors
        dtype, kept = ctx.dtype, hidden.dtype
        steps, rows, width = d_outputs.shape
        recur = Matrix(weight_hidden.t(), dtype, rows, steps)
        d_gates = torch.empty(steps, rows, 4 * width, dtype=dtype, device=hidden.device)
        scratch = hidden.new_empty(rows, 4, width)
        d_h, d_c = torch.zeros_like(hidden[0]), d_last.clone()
        for t in reversed(range(steps)):
            cell, gates, squashed = trace[3 * t : 3 * t + 3]
            i, f, o, g = gates.view(rows, 4, width).unbind(1)
            d_h = d_h + d_outputs[t]
            d_c += _tanh_backward(d_h * o, squashed)
            now = d_gates[t].view(rows, 4, width) if dtype == kept else scratch
            _sigmoid_backward(g, i, grad_input=now[:, 0])
            _sigmoid_backward(cell, f, grad_input=now[:, 1])
            _sigmoid_backward(squashed, o, grad_input=now[:, 2])
            _tanh_backward(i, g, grad_input=now[:, 3])
            now[:, :2].mul_(d_c[:, None])
            now[:, 2].mul_(d_h)
            now[:, 3].mul_(d_c)
            if dtype != kept:
                d_gates[t] = now.view(rows, 4 * width)
            if t or ctx.started:
                d_h = recur(d_gates[t]).to(kept)
            d_c *= f
        skip = 0 if ctx.started else 1  # the first hidden state is zero
        before = hidden[skip:steps].to(dtype).flatten(0, 1)
        d_weight_hidden = torch.mm(d_gates[skip:].flatten(0, 1).t(), before).to(kept)
        d_fixed = d_gates.sum(0, dtype=kept) if ctx.fixed else None
        sentences = where.shape[1]
        d_read = d_gates if rows == sentences else d_gates.view(steps, -1, sentences, 4 * width).sum(1)
        flat = d_read.flatten(0, 1).to(kept)
        d_rows = _embedding_backward(flat, where.flatten(), len(inputs), -1, False).to(dtype)  # [U, 4H]
        d_weight_input = torch.mm(d_rows.t(), inputs.to(dtype)).to(kept)
        d_inputs = None
        if ctx.needs_input_grad[0]:
            d_inputs = Matrix(weight_input.t(), dtype, len(inputs), uses=1)(d_rows).to(kept)
        d_bias = d_fixed.sum(0) if d_fixed is not None else flat.sum(0)
        first = (d_h, d_c) if ctx.started else (None, None)
        return d_inputs, None, d_fixed, d_weight_input, d_weight_hidden, d_bias, *first, None
