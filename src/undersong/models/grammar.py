"""What every context-free grammar with rules of its own can do: score, parse and write sentences.

    p(x, z) = p(z | T) p(T) p(x | z),    p(T) = the sum over all trees of T leaves, words aside

z is a binary tree and its symbols; a tree fixes how many words there are, so a grammar ends by itself and p(x) sums to
one over sentences of all lengths. Knows nothing of where rules come from, nor of learning.
"""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.distributions.tree import Tree
from undersong.models.annotation import restricted
from undersong.models.base import WORDS_AND_END, SummedOut
from undersong.models.brackets import need_two_words, without_crossing
from undersong.models.rules import Rules
from undersong.settings import need


class Grammar(Configurable, nn.Module, SummedOut):
    """Base of the exact grammars; a subclass sets ``sizes`` and writes ``rules``.

    Attributes:
        latent: S, the number of symbols, N nonterminals first.
        tied: whether preterminal k is tag k where the posterior is given tags.
    """

    event = WORDS_AND_END
    tied = False

    @property
    def annotation(self) -> tuple[str, ...]:
        """What ``posterior`` can be given: brackets, and where preterminals are tags, those."""
        return ("spans", "tags") if self.tied else ("spans",)

    def __init__(self, vocab: int, nonterminals: int, preterminals: int):
        super().__init__()
        need(1, nonterminals=nonterminals, preterminals=preterminals)
        self.vocab, self.nonterminals, self.preterminals = vocab, nonterminals, preterminals
        self.latent = nonterminals + preterminals

    @abstractmethod
    def rules(self) -> Rules:
        """The rules' log-probabilities as they are now."""

    def prior(self, x: Batch | None = None) -> Tree:
        """p(z | length of x): z int64 [..., B, T, T]."""
        assert x is not None
        return skeleton(self.rules(), x.lengths, x.tokens.shape[1])

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) + log p(length of x), nats, for z [S, B, T, T]: [S, B]. The prior is given the length."""
        rules = self.rules()
        symbol = z.diagonal(dim1=-2, dim2=-1) - self.nonterminals  # [S, B, T]
        words = rules.emission.T[x.tokens, symbol.clamp(min=0)]
        each = torch.where(x.mask[:, 1:], words, 0.0).sum(-1)
        lengths, where = x.lengths.unique(return_inverse=True)  # log p(T) once for each length there is
        return each + skeleton(rules, lengths, x.tokens.shape[1]).log_partition[where]

    def posterior(self, x: Batch, *, given: bool = False) -> Tree:
        """p(z|x), whose ``log_partition`` is log p(x).

        Args:
            x: B sentences of two words or more.
            given: no constituent may cross the brackets in ``x.spans``, so that each bracket becomes a constituent
                (whose symbol is free: labels are not tied to nonterminals). Brackets that cross each other are set
                aside, with a warning, and their sentence is treated as having none.

        Raises:
            UserError: a sentence of one word.
        """
        need_two_words(x)
        rules = self.rules()
        emission = nn.functional.embedding(x.tokens, rules.emission.T)  # [B, T, P]
        if given and self.tied:
            emission = restricted(emission, x)
        tree = Tree(rules.root, rules.binary, emission, x.lengths)
        return without_crossing(tree, x) if given else tree

    @torch.no_grad()
    def sample(self, n: int, *, max_words: int = 100, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """Trees [n, T, T] and their sentences; one of over ``max_words`` words is thrown away and drawn again."""
        return self.rules().write(n, max_words, generator)


def skeleton(rules: Rules, lengths: Tensor, words: int) -> Tree:
    """p(z | T) for each of ``lengths`` [B]; its ``log_partition`` is log p(T)."""
    nothing = rules.emission.new_zeros(len(lengths), words, len(rules.emission))
    return Tree(rules.root, rules.binary, nothing, lengths)
