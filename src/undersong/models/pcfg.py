"""The probabilistic context-free grammar, its rules in tables (Baker 1979; Lari and Young 1990).

    p(x, z) = p(S -> A) prod p(A -> B C) prod p(P -> w)

Knows nothing of EM: its tables are counted by ``Tabular``.
"""

from undersong.models.grammar import Grammar
from undersong.models.rules import Rules
from undersong.models.tabular import Tabular
from undersong.nets.table import Table


class PCFG(Grammar, Tabular):
    """A grammar in normal form over words.

    Args:
        vocab: V; follows from the corpus.
        nonterminals: N, symbols that have two parts.
        preterminals: P, symbols that are one word.
        smoothing: added to each expected count: Dirichlet(1 + smoothing) priors. Without any, a word or a rule that
            training has not seen is impossible. Read by EM, ``ViterbiEM`` and ``StepwiseEM`` alone, not by gradients.
        tied: preterminal k is tag k, where a posterior is given tags.

    >>> import torch
    >>> from undersong.data.batch import Batch
    >>> model = PCFG(9, nonterminals=2, preterminals=3)
    >>> model.posterior(Batch.of([[5, 6, 7], [8, 8]])).mode.shape
    torch.Size([2, 3, 3])
    """

    def __init__(
        self, vocab: int, nonterminals: int = 30, preterminals: int = 60, smoothing: float = 0.01, tied: bool = False
    ):
        super().__init__(vocab, nonterminals, preterminals)
        self.tied = tied
        self.root = Table(nonterminals, smoothing=smoothing)
        self.binary = Table(nonterminals, self.latent**2, smoothing=smoothing)
        self.emission = Table(preterminals, vocab, smoothing=smoothing)

    def rules(self) -> Rules:
        """The tables."""
        symbols = self.latent
        return Rules(self.root(), self.binary().unflatten(-1, (symbols, symbols)), self.emission())
