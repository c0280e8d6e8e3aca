"""A recurrent layer over whole sequences, forward and backward, as few large kernels.

    state_t = cell(W x_t + C k + b,  U h_{t-1},  state_{t-1})

W x is one product for all that is read, made once for each row that differs, however often it is read: in sentences
most words stand several times in a batch. The gradients of W, U and C are one product each over all steps, where
autograd would make one a step. Products read ``dtype``; the arithmetic between them is the cell's (``nets.cells``).
Knows nothing of modules, words or padding.
"""

from typing import Any

import torch
from torch import Tensor

from undersong.distributions.first_order import first_order
from undersong.nets.cells import Cell, State
from undersong.nets.precision import ONCE
from undersong.nets.products import Matrix, OuterSum

_embedding_backward = torch.ops.aten.embedding_dense_backward


def scan(
    cell: Cell,
    inputs: Tensor,
    where: Tensor,
    fixed: Tensor | None,
    weight_input: Tensor,
    weight_hidden: Tensor,
    bias: Tensor,
    bias_hidden: Tensor | None,
    state: State | None,
    states: int,
    dtype: torch.dtype,
) -> tuple[Tensor, State]:
    """Hidden states of a layer; differentiable once. G = gates * H.

    Args:
        cell: the arithmetic of a step.
        inputs: [U, I], the rows that are read.
        where: int64 [T, B], which row each sequence reads at each step.
        fixed: what is added to what is read at every step, [S * B, G] with samples first, or None.
        weight_input: [G, I].
        weight_hidden: [G, H].
        bias: [G].
        bias_hidden: [H], or None for a cell that has none.
        state: tensors [S * B, H], the hidden state first; None for zeros, which then cost no product.
        states: how many tensors a state has.
        dtype: what the products read.

    Returns:
        Hidden states [T, S * B, H], and the last state.
    """
    given = (inputs, where, fixed, weight_input, weight_hidden, bias, bias_hidden)
    parts = tuple(state) if state is not None else (None,) * states
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (*given, *parts)):
        outputs, *rest = _Scan.apply(cell, dtype, *given, *parts)
    else:
        hidden, (_, *rest) = _read(cell, dtype, *given, parts, trace=None)
        outputs = hidden[1:]
    return outputs, (outputs[-1], *rest)


def _read(
    cell: Cell,
    dtype: torch.dtype,
    inputs: Tensor,
    where: Tensor,
    fixed: Tensor | None,
    weight_input: Tensor,
    weight_hidden: Tensor,
    bias: Tensor,
    bias_hidden: Tensor | None,
    state: tuple[Tensor | None, ...],
    trace: list[Tensor] | None,
) -> tuple[Tensor, State]:
    """All hidden states [T + 1, S * B, H], the first included, and the last state.

    ``trace`` gathers what the backward pass needs of each step.
    """
    steps, sentences = where.shape
    gates, width = weight_hidden.shape
    started = state[0] is not None
    rows = len(fixed) if fixed is not None else sentences if state[0] is None else len(state[0])
    kept = bias.dtype  # of gates and states
    read = Matrix(weight_input, dtype, len(inputs), uses=1)(inputs.to(dtype), bias.to(dtype))  # [U, G]
    recur = Matrix(weight_hidden, dtype, rows, steps)
    hidden = inputs.new_empty(steps + 1, rows, width, dtype=kept)
    hidden[0] = 0 if state[0] is None else state[0]
    now: State = (hidden[0], *(torch.zeros_like(hidden[0]) if s is None else s for s in state[1:]))
    for t in range(steps):
        total = torch.empty(rows, gates, dtype=kept, device=hidden.device)
        spread = total.view(-1, sentences, gates)
        word = read.index_select(0, where[t])
        spread.copy_(word) if fixed is None else torch.add(word, fixed.view_as(spread), out=spread)
        fed = recur(hidden[t].to(dtype)) if t or started else None
        now, used = cell.forward(total, fed, now, bias_hidden, out=hidden[t + 1])
        if trace is not None:
            trace += used
    return hidden, now


@first_order(ONCE)
class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cell: Cell, dtype: torch.dtype, *given: Tensor | None) -> tuple[Tensor, ...]:
        inputs, where, fixed, weight_input, weight_hidden, bias, bias_hidden, *state = given
        assert inputs is not None
        assert where is not None
        assert weight_input is not None
        assert weight_hidden is not None
        assert bias is not None
        trace: list[Tensor] = []
        hidden, last = _read(
            cell, dtype, inputs, where, fixed, weight_input, weight_hidden, bias, bias_hidden, tuple(state), trace
        )
        ctx.save_for_backward(inputs, where, weight_input, weight_hidden, hidden, *trace)
        ctx.cell, ctx.dtype, ctx.fixed, ctx.biased = cell, dtype, fixed is not None, bias_hidden is not None
        ctx.started, ctx.a_step = state[0] is not None, len(trace) // max(len(where), 1)
        return hidden[1:], *last[1:]

    @staticmethod
    def backward(ctx: Any, d_outputs: Tensor, *d_rest: Tensor) -> tuple[Tensor | None, ...]:
        inputs, where, weight_input, weight_hidden, hidden, *trace = ctx.saved_tensors
        cell, dtype, kept = ctx.cell, ctx.dtype, hidden.dtype
        steps, rows, width = d_outputs.shape
        recur = Matrix(weight_hidden.t(), dtype, rows, steps)
        blocks = (rows, cell.gates, width)
        d_read = hidden.new_empty(steps, *blocks)
        # What the products read, d_fed [T, ...] in their dtype. An LSTM's d_fed is its d_read, a GRU's is not.
        alone = dtype == kept
        short = d_read if alone and cell.alike else torch.empty_like(d_read, dtype=dtype)
        d: list[Tensor] = [torch.zeros_like(hidden[0]), *(each.clone() for each in d_rest)]
        d_bias_hidden = hidden.new_zeros(width) if ctx.biased else None
        for t in reversed(range(steps)):
            d[0] += d_outputs[t]
            d_fed = d_read[t] if cell.alike else short[t] if alone else hidden.new_empty(blocks)
            direct, *others = cell.backward(tuple(d), trace[t * ctx.a_step : (t + 1) * ctx.a_step], d_read[t], d_fed)
            if not alone:
                short[t] = d_fed
            if d_bias_hidden is not None:
                d_bias_hidden += d_fed[:, -1].sum(0)
            fed = recur(short[t].flatten(1)).to(kept) if t or ctx.started else torch.zeros_like(d[0])
            d = [fed if direct is None else fed.add_(direct), *others]
        skip = 0 if ctx.started else 1  # the first hidden state is zero
        before = hidden[skip:steps].to(dtype).flatten(0, 1)
        d_weight_hidden = _outer(short[skip:].flatten(2).flatten(0, 1), before, weight_hidden)
        d_fixed = d_read.flatten(2).sum(0) if ctx.fixed else None
        flat = d_read.view(steps, -1, where.shape[1], cell.gates * width)  # [T, S, B, G]
        flat = (flat[:, 0] if rows == where.shape[1] else flat.sum(1)).flatten(0, 1)
        d_rows = _embedding_backward(flat, where.flatten(), len(inputs), -1, False).to(dtype)  # [U, G]
        d_weight_input = _outer(d_rows, inputs.to(dtype), weight_input)
        d_inputs = None
        if ctx.needs_input_grad[2]:
            d_inputs = Matrix(weight_input.t(), dtype, len(inputs), uses=1)(d_rows).to(kept)
        d_bias = d_fixed.sum(0) if d_fixed is not None else flat.sum(0)
        first = d if ctx.started else [None] * len(d)
        weights = (d_weight_input, d_weight_hidden, d_bias, d_bias_hidden)
        return None, None, d_inputs, None, d_fixed, *weights, *first


def _outer(left: Tensor, right: Tensor, weight: Tensor) -> Tensor:
    """The gradient of a weight [A, B] from those of its product [N, A] and from what it was multiplied with [N, B]."""
    outer = OuterSum(weight)
    if len(left):
        outer.add(left, right)
    return outer.total()
