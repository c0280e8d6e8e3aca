"""Recurrent layers that read a batch of sequences of nearly equal length in one direction.

    LSTM:  i, f, o, g = W x_t + U h_{t-1} + C k + b
           c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g),   h_t = sigmoid(o) tanh(c_t)
    GRU:   r, u, n:  n = tanh(W_n x_t + C_n k + b_n + r (U_n h_{t-1} + d)),   h_t = (1 - u) n + u h_{t-1}

k is an input that stays the same at every step (the latent code): its product is made once a sequence, not once a step.
The layers are causal: what stands after a position, padding included, never changes it.

Knows nothing of words, lengths or latent variables.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from undersong.nets.cells import Cell, GRUCell, LSTMCell, State
from undersong.nets.precision import FP32, Precision
from undersong.nets.products import rounded_linear
from undersong.nets.scan import scan
from undersong.nets.vendor import Vendor


class Recurrent(nn.Module, ABC):
    """One layer, one direction.

    Args:
        input: size I of what is read at each step.
        width: size H of the hidden state.
        constant: size C of what is read at every step alike; 0 for none.
    """

    gates: int  # blocks of H rows in the weights
    num_states: int  # tensors in a state; the first is the hidden state h
    kernel: Cell | None = None  # the arithmetic of ``cell`` with its derivative written out, if there is one
    vendor: Vendor | None = None  # the vendor's kernel for the whole layer, if there is one
    bias_hidden: nn.Parameter | None  # [H], added to the last block of U h, in cells that have it

    def __init__(self, input: int, width: int, constant: int = 0) -> None:
        super().__init__()
        self.width = width
        self.precision: Precision = FP32  # see nets.precision; a run's choice, not the layer's
        rows = self.gates * width
        bound = width**-0.5
        self.weight_input = nn.Parameter(torch.empty(rows, input).uniform_(-bound, bound))
        self.weight_hidden = nn.Parameter(torch.empty(rows, width).uniform_(-bound, bound))
        self.weight_constant = nn.Parameter(torch.empty(rows, constant).uniform_(-bound, bound)) if constant else None
        self.bias = nn.Parameter(torch.zeros(rows))
        self.register_parameter("bias_hidden", None)

    def zeros(self, rows: int) -> State:
        """The state before anything was read."""
        return tuple(self.bias.new_zeros(rows, self.width) for _ in range(self.num_states))

    def forward(
        self,
        inputs: Tensor,
        state: State | None = None,
        constant: Tensor | None = None,
        where: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Read whole sequences, by fused kernels unless the precision asks for plain operations.

        Args:
            inputs: [B, T, I]; or, with ``where``, the rows [U, I] that are read, each multiplied once.
            state: num_states tensors [S * B, H]; None for zeros.
            constant: [S * B, C], samples first: S codes may read the same inputs, whose products are then shared.
            where: int64 [B, T], which row of ``inputs`` each sequence reads at each step.

        Returns:
            Hidden states [S * B, T, H] and the state after the last step.
        """
        inputs, where = _rows(inputs, where)
        rows = state[0].shape[0] if state is not None else len(where) if constant is None else len(constant)
        if self.precision.fused and self.vendor and self.vendor.faster(inputs.device.type) and where.numel():
            return self._by_vendor(inputs[where.t()], self.zeros(rows) if state is None else state, constant)
        fixed = self._fixed(constant)  # [S * B, G]
        if self.precision.fused and self.kernel is not None and where.numel():
            weights = (self.weight_input, self.weight_hidden, self.bias, self.bias_hidden)
            dtype = self.precision.dtype if self.precision.name != "fp32" else inputs.dtype
            hidden, state = scan(self.kernel, inputs, where.t(), fixed, *weights, state, self.num_states, dtype)
            return hidden.transpose(0, 1), state
        state = self.zeros(rows) if state is None else state
        read = self._product(inputs, self.weight_input) + self.bias  # [U, G]
        outputs = []
        for t in range(where.shape[1]):
            gates = read[where[:, t]].repeat(rows // max(1, len(where)), 1)
            state = self.cell(gates if fixed is None else gates + fixed, state)
            outputs.append(state[0])
        return torch.stack(outputs, 1), state

    def step(self, inputs: Tensor, state: State, constant: Tensor | None = None) -> State:
        """Read one more input: [N, I], for search. The new hidden state is the first of the result."""
        gates = self._product(inputs, self.weight_input) + self.bias
        fixed = self._fixed(constant)
        return self.cell(gates if fixed is None else gates + fixed, state)

    def _by_vendor(self, read: Tensor, state: State, constant: Tensor | None) -> tuple[Tensor, State]:
        """As ``forward``, from what is read at each step [T, B, I]: all products, the constant's too, are its own."""
        assert self.vendor is not None
        read = read.repeat(1, len(state[0]) // read.shape[1], 1)  # [T, S * B, I]
        weight: Tensor = self.weight_input
        if constant is not None and self.weight_constant is not None:
            read = torch.cat([read, constant.expand(len(read), -1, -1)], 2)
            weight = torch.cat([weight, self.weight_constant], 1)
        exact = self.precision.name == "fp32"
        hidden, last = self.vendor(read, state, weight, self.weight_hidden, self.bias, self.bias_hidden, exact)
        return hidden.transpose(0, 1), last

    @abstractmethod
    def cell(self, read: Tensor, state: State) -> State:
        """One step from what was read, already multiplied: [N, G]."""

    def _fixed(self, constant: Tensor | None) -> Tensor | None:
        if constant is None or self.weight_constant is None:
            return None
        return self._product(constant, self.weight_constant)

    def _product(self, left: Tensor, weight: Tensor) -> Tensor:
        if self.precision.name == "fp32":
            return nn.functional.linear(left, weight)
        return rounded_linear(left, weight, self.precision.dtype)


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997); its state is (h, c).

    >>> outputs, (h, c) = LSTM(5, 7, constant=3)(torch.zeros(2, 4, 5), constant=torch.zeros(2, 3))
    >>> tuple(outputs.shape), tuple(c.shape)
    ((2, 4, 7), (2, 7))
    """

    gates, num_states, kernel, vendor = 4, 2, LSTMCell(), Vendor(torch.lstm, (0, 1, 3, 2))

    def cell(self, read: Tensor, state: State) -> State:
        h, c = state
        return self.gated(read + self._product(h, self.weight_hidden), c)

    @staticmethod
    def gated(gates: Tensor, c: Tensor) -> State:
        """The new state from the sum of all products, [N, 4H], and the cell [N, H] before."""
        i, f, o, g = gates.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class GRU(Recurrent):
    """Gated recurrent unit (Cho et al. 2014), as in ``torch.nn.GRU``; its state is (h,)."""

    gates, num_states, kernel, vendor = 3, 1, GRUCell(), Vendor(torch.gru, (0, 1, 2))

    def __init__(self, input: int, width: int, constant: int = 0) -> None:
        super().__init__(input, width, constant)
        self.bias_hidden = nn.Parameter(torch.zeros(width))

    def cell(self, read: Tensor, state: State) -> State:
        assert self.bias_hidden is not None
        (h,) = state
        width = self.width
        fed = self._product(h, self.weight_hidden)  # [N, 3H]
        r, u = (read[:, : 2 * width] + fed[:, : 2 * width]).sigmoid().chunk(2, -1)
        n = (read[:, 2 * width :] + r * (fed[:, 2 * width :] + self.bias_hidden)).tanh()
        return (n + u * (h - n),)


def _rows(inputs: Tensor, where: Tensor | None) -> tuple[Tensor, Tensor]:
    """The rows [U, I] that are read and the places [B, T] where: of inputs [B, T, I], each row at its own place."""
    if where is not None:
        return inputs, where
    return inputs.flatten(0, 1), torch.arange(inputs[..., 0].numel(), device=inputs.device).view(inputs.shape[:2])
