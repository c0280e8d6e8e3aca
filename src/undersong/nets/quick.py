"""A recurrent decoder laid out for search: the same numbers as its own ``step``, with less work.

Its matrices are laid out once for the many products of a search, the three products of an LSTM's step are one,

    gates = [U, W, C] [h; x; z] + b

and log-probabilities are made for chunks of rows that stay in cache, of which only the best words leave. In bf16 the
logits of the best words are made again from the fp32 matrix: rounding would let near words swap.

Knows nothing of search.
"""

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from undersong.data.batch import SPECIAL
from undersong.nets.allowed import Allowed, best_among, best_words
from undersong.nets.base import State
from undersong.nets.products import Matrix
from undersong.nets.recurrent import LSTM

if TYPE_CHECKING:
    from undersong.nets.decoder import RecurrentDecoder

_ROWS, _USES = 640, 20  # rows and steps to expect
_CHUNK = 12_000_000  # bytes of a chunk of logits, which a last-level cache holds


class QuickDecoder:
    """``decoder`` as it is now; it must not be trained while this is in use."""

    def __init__(self, decoder: "RecurrentDecoder") -> None:
        self.decoder = decoder
        self.start = decoder.start
        vocabulary, layer = decoder.vocabulary, decoder.layer
        self.dtype = torch.bfloat16 if vocabulary.precision.name == "bf16" else vocabulary.weight.dtype
        self.weight, self.bias = vocabulary.weight.detach(), vocabulary.bias.detach()
        self.to_logits, self.short_bias = Matrix(self.weight, self.dtype, _ROWS, _USES), self.bias.to(self.dtype)
        self.gates: Matrix | None = None
        if isinstance(layer, LSTM):
            read: list[Tensor] = [layer.weight_hidden, layer.weight_input]
            read += [layer.weight_constant] if decoder.z_to_inputs and layer.weight_constant is not None else []
            self.gates = Matrix(torch.cat(read, 1), self.dtype, _ROWS, _USES)
            self.gate_bias = layer.bias.detach().to(self.dtype)

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """As ``Decoder.step``."""
        hidden, state = self._read(token, state)
        return self.to_logits(hidden.to(self.dtype), self.short_bias).to(hidden.dtype).log_softmax(-1), state

    def best(self, token: Tensor, state: State, k: int, allowed: Allowed) -> tuple[Tensor, Tensor, State]:
        """As ``Decoder.best``."""
        hidden, state = self._read(token, state)
        rows = max(1, _CHUNK // (len(self.weight) * self.dtype.itemsize))
        parts = [
            self._best(hidden[first : first + rows], k, allowed.select(slice(first, first + rows)))
            for first in range(0, len(hidden), rows)
        ]
        values, words = (torch.cat(column) for column in zip(*parts, strict=True))
        return values, words, state

    def _best(self, hidden: Tensor, k: int, allowed: Allowed) -> tuple[Tensor, Tensor]:
        logits = self.to_logits(hidden.to(self.dtype), self.short_bias)  # [n, V]
        if self.dtype == hidden.dtype:
            return best_words(logits.log_softmax(-1), k, allowed)
        values, near = allowed.among(logits).topk(min(k + len(SPECIAL), logits.shape[1]), 1)
        first = near[:, :1] if allowed.words is None else logits.argmax(1, keepdim=True)
        # The largest probability is 1 / sum exp(logits - top), and never underflows.
        largest = logits.softmax(1).gather(1, first).to(hidden.dtype)
        lse = logits.gather(1, first).to(hidden.dtype) - largest.log()
        forced = None
        if allowed.forced is not None:
            forced = self._exact(hidden, allowed.forced.clamp(min=0)[:, None]) - lse
        exact = torch.where(values > -torch.inf, self._exact(hidden, near) - lse, -torch.inf)
        return best_among(exact, near, min(k, near.shape[1]), allowed, forced)

    def _exact(self, hidden: Tensor, words: Tensor) -> Tensor:
        """The logits of some words [n, C], from fp32."""
        return torch.einsum("nch,nh->nc", self.weight[words], hidden) + self.bias[words]

    def _read(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """What the vocabulary reads after ``token`` [n]: [n, H], and the new state."""
        decoder = self.decoder
        inputs = decoder.embed(token)
        *before, z = state.tensors
        if self.gates is None:
            after = decoder.layer.step(inputs, tuple(before), z if decoder.z_to_inputs else None)
        else:
            h, c = before
            read = torch.cat([h, inputs, z] if decoder.z_to_inputs else [h, inputs], 1)
            gates = self.gates(read.to(self.dtype), self.gate_bias).to(h.dtype)
            after = cast(LSTM, decoder.layer).gated(gates, c)
        return decoder.narrow(after[0]), State((*after, z))
