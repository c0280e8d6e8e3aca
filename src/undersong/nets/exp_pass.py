"""Probabilities without a softmax: p_nv = E_nv / s_n with E_nv = exp(l_nv - c_n) and s_n = sum_v E_nv.

Everything that follows is linear in p, so that s divides numbers of a row's size H, never of its V words:

    log p_n(target) = l_n,target - c_n - log s_n
    sum_v p_nv w_v = (sum_v E_nv w_v) / s_n,    sum_n p_nv u_n h_n^T = sum_n E_nv (u_n / s_n) h_n^T

c_n is the target's own logit, so that s_n = 1 / p(target): E overflows only where a target has log p below -88 nats,
and s is never small. Where log p is below ``LEAST`` for some target, what a pass gives is not to be used. Two columns
beside each word's vector, [w_v, b_v, 1], and beside each row, [h_n, 1, -c_n], make the products give bias and shift of
the logits, the sums s and the bias's gradient as well. Logits lie with a word's numbers side by side, [V, n]: all three
products then read and write as their kernels like it.
In bf16 a product's results are rounded to bf16: logits, less their shift, and s as well, which alone moves log p by up
to 2^-9 nats either way. In all log p is off by no more than in ``softmax_pass``, whose logits are not shifted: by 0.003
nats a word and 0.005 there, with a trained model, and to neither side.
Knows nothing of gradients that come from elsewhere, nor of modules.
"""

import torch
from torch import Tensor

from undersong.nets.one_pass import Found, OnePass
from undersong.nets.products import OuterSum, product, turned

# Nats. Above it sums of E times vectors, and hidden states over s, are far from the ends of fp32's range.
LEAST = -60.0
_CHUNK = 40_000_000  # bytes of a chunk of logits: in bf16 a usual batch's, so that weights' gradients are summed once
_LINE = 64  # bytes: rows of whole cache lines


class ExpPass(OnePass):
    """A pass to be trusted where all log-probabilities are above ``LEAST``: see ``OnePass``."""

    def __init__(self, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype) -> None:
        self.chunk = _CHUNK
        super().__init__(hidden, weight, bias, targets, dtype)
        width, line = weight.shape[1], _LINE // dtype.itemsize
        self.columns = -(-(width + 2) // line) * line
        self.words = _beside(weight, bias, torch.ones_like(bias), self.columns, dtype)  # [V, C]
        self.places = _beside(hidden, torch.ones_like(self.own), -self.own, self.columns, dtype)  # [N, C]
        self.shift = -self.places[:, width + 1].to(self.own.dtype)  # c, rounded as products read it

    def run(self, upstream: Tensor | None = None, of_hidden: bool = False) -> Found:
        """See ``OnePass``."""
        width = self.hidden.shape[1]
        found = self.own - self.shift
        in_hidden = torch.empty_like(self.hidden) if of_hidden else None
        vectors = turned(self.words) if of_hidden else self.words.new_ones(1, len(self.words))
        total = OuterSum(self.weight) if upstream is not None else None
        room = self.words.new_empty(len(self.words) * min(self.rows, len(found)))  # memory of a chunk, used again
        for rows in self.slices():
            places = self.places[rows]
            e = room[: len(self.words) * len(places)].view(-1, len(places))  # [V, n]
            product(self.words, places.t(), out=e).exp_()
            sums = product(vectors, e).to(found.dtype)  # [C, n], or [1, n]
            s = sums[width + 1 if of_hidden else 0]
            found[rows] -= s.log()
            if in_hidden is not None:
                torch.sub(self.vectors[rows], sums[:width].div_(s).t(), out=in_hidden[rows])
            if upstream is not None and total is not None:
                factor = -upstream[rows] / s
                part = self.hidden[rows] * factor[:, None]
                total.add(e.t(), _beside(part, factor, torch.zeros_like(factor), self.columns, self.dtype))
        if total is None:
            return found, in_hidden, None, None
        return found, in_hidden, total.total(), total.beside(0)


def _beside(vectors: Tensor, first: Tensor, second: Tensor, columns: int, dtype: torch.dtype) -> Tensor:
    """Vectors [N, H] with two numbers [N] beside each, and zeros up to a number of columns C: [N, C]."""
    width = vectors.shape[1]
    made = torch.empty(len(vectors), columns, dtype=dtype, device=vectors.device)
    made[:, :width] = vectors
    made[:, width], made[:, width + 1] = first, second
    made[:, width + 2 :] = 0
    return made
