"""What the words of a segment say of its hidden state: log p(words | state), for all segments of a batch at once.

Knows nothing of how segments follow each other, or how long they are likely to be.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from undersong.configurable import Configurable
from undersong.data.batch import BOS, EOS, PAD, Batch
from undersong.settings import need, need_share

ROWS = 2048  # contexts whose V scores are in memory together


class Segments(Configurable, nn.Module, ABC):
    """Base: its first arguments are the sizes of the vocabulary and of the state's alphabet."""

    @abstractmethod
    def forward(self, x: Batch, longest: int) -> Tensor:
        """log p(word j of a segment | the segment's words before it, state) in nats.

        Args:
            x: B sentences.
            longest: L, words of the longest segment.

        Returns:
            [B, T, L, K] at the segment's start t, word j and state; beyond the sentence's end, any finite number.
        """

    @abstractmethod
    def write(self, state: Tensor, longest: int, generator: torch.Generator | None = None) -> Tensor:
        """``longest`` words for each segment, given its state [N]: int64 [N, L]."""


class RecurrentSegments(Segments):
    """A GRU reads the segment so far, and the state adds a score of its own to each word's (a product of experts):

        p(w | h, k) ~ exp(h . e_w + s_k . o_w)

    The normaliser for all contexts and all states is then one matrix product of exponentials, sum_w exp(h . e_w)
    exp(s_k . o_w), so no [contexts, states, V] exists; segments are read once and not once a state.

    Args:
        vocab: V.
        states: K.
        size: H, of the vectors of words and states and of the GRU.
        dropout: share of the word vectors' numbers dropped in training.
    """

    def __init__(self, vocab: int, states: int, size: int = 100, dropout: float = 0.0):
        super().__init__()
        need(1, size=size)
        need_share(dropout=dropout)
        self.embed = nn.Embedding(vocab, size)
        self.gru = nn.GRU(size, size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.after = nn.Linear(size, vocab)  # e_w
        self.states = nn.Parameter(torch.randn(states, size))  # s_k
        self.words = nn.Linear(size, vocab)  # o_w
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)
        never = torch.zeros(vocab)
        never[[PAD, BOS, EOS]] = -torch.inf
        self.register_buffer("never", never, persistent=False)
        self.never: Tensor

    def forward(self, x: Batch, longest: int) -> Tensor:
        """log p(word j of a segment | the segment's words before it, state): [B, T, L, K]."""
        windows = nn.functional.pad(x.tokens, (0, longest - 1), value=PAD).unfold(1, longest, 1)  # [B, T, L]
        words = windows.reshape(-1, longest)  # [B T, L]
        there = words != PAD
        before = nn.functional.pad(words[:, :-1], (1, 0), value=BOS)
        read = self.embed(before)
        read = torch.cat([read[:, :1], self.dropout(read[:, 1:])], 1)  # the start stays the same for all
        hidden = self.gru(read)[0]  # [B T, L, H]
        scores = self._of_states()  # [V, K]
        after = (hidden * self.after.weight[words]).sum(-1) + self.after.bias[words]
        each = after[..., None] + nn.functional.embedding(words, scores)  # [B T, L, K]
        return (each - self._normalisers(hidden, there, scores)).unflatten(0, windows.shape[:2])

    @torch.no_grad()
    def write(self, state: Tensor, longest: int, generator: torch.Generator | None = None) -> Tensor:
        """``longest`` words for each state [N]: int64 [N, L]."""
        scores = self._of_states().T  # [K, V]
        now, memory, found = torch.full_like(state, BOS), None, []
        for _ in range(longest):
            hidden, memory = self.gru(self.embed(now[:, None]), memory)
            p = (self.after(hidden[:, 0]) + scores[state] + self.never).softmax(-1)
            now = torch.multinomial(p, 1, generator=generator)[:, 0]
            found.append(now)
        return torch.stack(found, 1)

    def _of_states(self) -> Tensor:
        """s_k . o_w: [V, K]."""
        return self.words(self.states).T.contiguous()

    def _normalisers(self, hidden: Tensor, there: Tensor, scores: Tensor) -> Tensor:
        """log sum_w exp(h . e_w + s_k . o_w), where there is a word: [B T, L, K]. First words all have one context."""
        first = self._normaliser(hidden[:1, 0], scores)[:, None].expand(len(hidden), -1, -1)
        later = hidden.new_zeros(len(hidden), hidden.shape[1] - 1, scores.shape[1])
        n, j = there[:, 1:].nonzero(as_tuple=True)
        if len(n):
            later = later.index_put((n, j), self._normaliser(hidden[n, j + 1], scores))
        return torch.cat([first, later], 1)

    def _normaliser(self, hidden: Tensor, scores: Tensor) -> Tensor:
        """log sum_w exp(h_n . e_w + s_k . o_w): [N, K], a few rows at a time, and once more for the gradient."""
        arguments = (scores, self.after.weight, self.after.bias + self.never)
        chunks = [checkpoint(log_mixed, rows, *arguments, use_reentrant=False) for rows in hidden.split(ROWS)]
        return torch.cat(chunks)


def log_mixed(hidden: Tensor, scores: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """log sum_w exp(h_n . e_w + b_w + s_wk): [N, K].

    Args:
        hidden: h [N, H].
        scores: s [V, K].
        weight, bias: e [V, H] and b [V].
    """
    left = nn.functional.linear(hidden, weight, bias)  # [N, V]
    top, most = left.amax(1, keepdim=True).detach(), scores.amax(0).detach()
    mass = (left - top).exp() @ (scores - most).exp()  # [N, K]
    safe = mass > 1e-25  # else the two disagree on every word, and the sum is taken in logarithms
    log_mass = torch.where(safe, mass, 1.0).log() + top + most
    if bool(safe.all()):
        return log_mass
    n, k = (~safe).nonzero(as_tuple=True)
    return log_mass.index_put((n, k), (left[n] + scores[:, k].T).logsumexp(1))


class BagSegments(Segments):
    """Each word by itself, from the state's own distribution: an HMM whose states last.

    Args:
        vocab: V.
        states: K.
        size: of the vectors of words and states.
    """

    def __init__(self, vocab: int, states: int, size: int = 100):
        super().__init__()
        need(1, size=size)
        self.states = nn.Parameter(torch.randn(states, size))
        self.words = nn.Linear(size, vocab)
        never = torch.zeros(vocab)
        never[[PAD, BOS, EOS]] = -torch.inf
        self.register_buffer("never", never, persistent=False)
        self.never: Tensor

    def forward(self, x: Batch, longest: int) -> Tensor:
        """log p(word j | state): [B, T, L, K]."""
        each = nn.functional.embedding(x.tokens, self._log_words())  # [B, T, K]
        each = each.masked_fill((x.tokens == PAD)[..., None], 0.0)
        return nn.functional.pad(each, (0, 0, 0, longest - 1)).unfold(1, longest, 1).transpose(2, 3)

    @torch.no_grad()
    def write(self, state: Tensor, longest: int, generator: torch.Generator | None = None) -> Tensor:
        """``longest`` words for each state [N]: int64 [N, L]."""
        return torch.multinomial(self._log_words().exp().T[state], longest, True, generator=generator)

    def _log_words(self) -> Tensor:
        """log p(word | state): [V, K]."""
        return (self.words(self.states) + self.never).log_softmax(-1).T.contiguous()
