"""The neural PCFG: its rules come from vectors of its symbols (Kim, Dyer and Rush 2019, sec. 2.2).

    p(A -> B C) ~ exp(u_BC . w_A),  and so on: see ``nets.grammar``

Symbols that are used alike share what is learned of them. Knows nothing of learning.
"""

from undersong.models.grammar import Grammar
from undersong.models.rules import Rules
from undersong.nets.grammar import RuleNet


class NeuralPCFG(Grammar):
    """A grammar in normal form over words.

    Args:
        vocab: V; follows from the corpus.
        nonterminals: N, symbols that have two parts.
        preterminals: P, symbols that are one word.
        size: of the symbols' vectors and the hidden layers.
        tied: preterminal k is tag k, where a posterior is given tags.

    >>> from undersong.data.batch import Batch
    >>> NeuralPCFG(9, 2, 3, size=8).log_marginal(Batch.of([[5, 6, 7], [8, 8]])).shape
    torch.Size([2])
    """

    def __init__(self, vocab: int, nonterminals: int = 30, preterminals: int = 60, size: int = 128, tied: bool = False):
        super().__init__(vocab, nonterminals, preterminals)
        self.tied = tied
        self.net = RuleNet(vocab, nonterminals, preterminals, size=size)

    def rules(self) -> Rules:
        """What the net says."""
        return Rules(self.net.root(), self.net.binary(), self.net.emission())
