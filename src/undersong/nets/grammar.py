"""A grammar's rule probabilities by networks over vectors of its symbols (Kim, Dyer and Rush 2019, secs. 2.2 and 2.3).

    p(S -> A) ~ exp(u_A . f_1([w_S; z])),  p(A -> B C) ~ exp(u_BC . [w_A; z]),  p(P -> w) ~ exp(u_w . f_2([w_P; z]))

with f_1 and f_2 a layer and two residual layers. Without z these are the rules of a neural PCFG, with a z for each
sentence those of a compound PCFG. Knows nothing of trees.
"""

import torch
from torch import Tensor, nn

from undersong.nets.residual import Residual
from undersong.nets.vocabulary import Vocabulary
from undersong.settings import need


class RuleNet(nn.Module):
    """Log-probabilities of rules, the same for all sentences (D = 0) or for each of R vectors z [R, D].

    Args:
        vocab: V.
        nonterminals: N.
        preterminals: P; S = N + P symbols, nonterminals first.
        latent: D, the size of z; 0 for none.
        size: H, of the symbols' vectors and of the hidden layers.

    >>> net = RuleNet(9, 2, 3, latent=4, size=8)
    >>> z = torch.zeros(5, 4)
    >>> net.root(z).shape, net.binary(z).shape, net.words(z, torch.full((5, 6), 7)).shape
    (torch.Size([5, 2]), torch.Size([5, 2, 5, 5]), torch.Size([5, 6, 3]))
    """

    def __init__(self, vocab: int, nonterminals: int, preterminals: int, latent: int = 0, size: int = 128):
        super().__init__()
        need(1, nonterminals=nonterminals, preterminals=preterminals, size=size)
        self.sizes = nonterminals, nonterminals + preterminals
        self.start = nn.Parameter(torch.randn(1, size))
        self.nonterminal = nn.Parameter(torch.randn(nonterminals, size))
        self.preterminal = nn.Parameter(torch.randn(preterminals, size))
        self.to_root = _Reader(
            size, latent, nn.Sequential(Residual(size), Residual(size), nn.Linear(size, nonterminals))
        )
        self.to_pair = _Reader(size, latent, nn.Identity(), (nonterminals + preterminals) ** 2)
        self.to_word = _Reader(size, latent, nn.Sequential(Residual(size), Residual(size)))
        self.vocabulary = Vocabulary(vocab, size)

    def root(self, z: Tensor | None = None) -> Tensor:
        """log p(S -> A): [N], or [R, N] for z [R, D]."""
        return self.to_root(self.start, z).log_softmax(-1).squeeze(-2)

    def binary(self, z: Tensor | None = None) -> Tensor:
        """log p(A -> B C): [N, S, S] or [R, N, S, S]."""
        _, symbols = self.sizes
        return self.to_pair(self.nonterminal, z).log_softmax(-1).unflatten(-1, (symbols, symbols))

    def emission(self, z: Tensor | None = None) -> Tensor:
        """log p(P -> w) of all words: [P, V] or [R, P, V]."""
        return self.vocabulary.log_softmax(self.to_word(self.preterminal, z))

    def words(self, z: Tensor, tokens: Tensor) -> Tensor:
        """log p(P -> w) of each sentence's own words alone; [R, P, V] is never held.

        The fused pass over the vocabulary gives the log-probability of one word, the first, and with it the normaliser:
        log p(w) = log p(first) + logit(w) - logit(first).

        Args:
            z: [R, D].
            tokens: int64 [R, T].

        Returns:
            [R, T, P].
        """
        hidden = self.to_word(self.preterminal, z)  # [R, P, H]
        rows = hidden.shape[:2]
        first = self.vocabulary.log_prob(hidden.flatten(0, 1), tokens[:, :1].expand(rows).flatten(), weighted=True)
        vectors = nn.functional.embedding(tokens, self.vocabulary.weight)  # [R, T, H]
        logits = vectors @ hidden.mT + self.vocabulary.bias[tokens][..., None]  # [R, T, P]
        return logits - logits[:, :1] + first.view(rows)[:, None]


class _Reader(nn.Module):
    """layers(W_1 symbol + W_2 z + b), where W_2 z is made once for all symbols."""

    def __init__(self, size: int, latent: int, layers: nn.Module, out: int | None = None):
        super().__init__()
        width = size if out is None else out
        self.of_symbol = nn.Linear(size, width)
        self.of_z = nn.Linear(latent, width, bias=False) if latent else None
        self.layers = layers

    def forward(self, symbols: Tensor, z: Tensor | None) -> Tensor:
        """symbols [M, H], z [R, D] or None: [M, ...] or [R, M, ...]."""
        read = self.of_symbol(symbols)
        if self.of_z is not None and z is not None:
            read = read + self.of_z(z)[:, None]
        return self.layers(read)
