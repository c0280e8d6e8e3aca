"""The compound PCFG: each sentence has a grammar of its own, made from a vector z (Kim, Dyer and Rush 2019, sec. 2.3).

    z ~ N(0, I),    log p(x|z) = log sum_trees p(x, tree | z)    by the inside algorithm over rules p(A -> B C | z)

The tree is summed out exactly and z is inferred by whatever inference serves a VAE: this is an ordinary ``Model``.
Knows nothing of the posterior.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.distributions.tree import Tree
from undersong.families import Prior, StandardPrior
from undersong.models.base import WORDS_AND_END
from undersong.models.brackets import need_two_words, without_crossing
from undersong.models.lots import reseeded
from undersong.models.rules import Rules
from undersong.nets.grammar import RuleNet
from undersong.settings import need

_AT_ONCE = 64_000_000  # numbers in the rules of the sentences and samples that are scored together without gradients


class CompoundPCFG(Configurable, nn.Module):
    """A distribution over grammars; ``structure`` gives a sentence's trees under one of them.

    Args:
        vocab: V; follows from the corpus.
        latent: D, the size of z.
        nonterminals: N, symbols that have two parts.
        preterminals: P, symbols that are one word.
        size: of the symbols' vectors and the hidden layers.
        prior: p(z), given D.

    >>> from undersong.data.batch import Batch
    >>> model = CompoundPCFG(9, latent=4, nonterminals=2, preterminals=3, size=8)
    >>> model.log_likelihood(Batch.of([[5, 6, 7], [8, 8]]), torch.zeros(5, 2, 4)).shape
    torch.Size([5, 2])
    """

    event = WORDS_AND_END
    annotation = ("spans",)

    def __init__(
        self,
        vocab: int,
        latent: int = 64,
        nonterminals: int = 30,
        preterminals: int = 60,
        size: int = 128,
        prior: Callable[[int], Prior] = StandardPrior,
    ):
        super().__init__()
        need(1, latent=latent)
        self.vocab, self.latent, self.nonterminals, self.preterminals = vocab, latent, nonterminals, preterminals
        self.net = RuleNet(vocab, nonterminals, preterminals, latent, size)
        self.p_z = prior(latent)

    def prior(self, x: Batch | None = None) -> torch.distributions.Distribution:
        """p(z): event shape [D]."""
        return self.p_z()

    def structure(self, x: Batch, z: Tensor, *, given: bool = False) -> Tree:
        """p(tree | x, z) for z [B, D]; its ``log_partition`` is log p(x|z).

        Args:
            x: B sentences of two words or more.
            z: a vector for each.
            given: no constituent may cross the brackets in ``x.spans``, as in ``Grammar.posterior``.

        Raises:
            UserError: a sentence of one word.
        """
        need_two_words(x)
        tree = Tree(self.net.root(z), self.net.binary(z), self.net.words(z, x.tokens), x.lengths)
        return without_crossing(tree, x) if given else tree

    def log_likelihood(self, x: Batch, z: Tensor, *, given: bool = False) -> Tensor:
        """log p(x|z) in nats for z [S, B, D], summed over trees, or those that ``given`` leaves: [S, B]."""
        samples, sentences = z.shape[:2]
        rows = torch.arange(sentences, device=z.device).repeat(samples)  # the sentence of each vector
        each = self.nonterminals * (self.nonterminals + self.preterminals) ** 2
        size = len(rows) if torch.is_grad_enabled() else max(1, _AT_ONCE // each)
        parts = [
            self.structure(_rows(x, r), v, given=given).log_partition
            for r, v in zip(rows.split(size), z.flatten(0, 1).split(size), strict=True)
        ]
        return torch.cat(parts).view(samples, sentences)

    @torch.no_grad()
    def grammar(self, z: Tensor) -> Rules:
        """The rules of one vector z [D]."""
        root, binary, emission = self.net.root(z[None]), self.net.binary(z[None]), self.net.emission(z[None])
        return Rules(root[0], binary[0], emission[0])

    @torch.no_grad()
    def sample(self, n: int, *, max_words: int = 100, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """Vectors [n, D] from the prior, and a sentence from the grammar of each.

        A sentence of over ``max_words`` words is thrown away and drawn again from the same grammar.
        """
        with reseeded(generator):
            z = self.p_z().sample((n,))
        written = [self.grammar(v).write(1, max_words, generator)[1] for v in z]
        words = [x.tokens[0].tolist() for x in written]
        return z, Batch.of(words).to(z.device)


def _rows(x: Batch, rows: Tensor) -> Batch:
    """Sentences by number, any of them several times, with their brackets."""
    return Batch(x.tokens[rows], x.lengths[rows], x.index[rows], spans=None if x.spans is None else x.spans[rows])
