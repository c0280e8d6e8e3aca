"""What every dependency model with valence can do: score, parse and write sentences (Klein and Manning 2004).

    p(x, z) = p(root's tag) prod over heads and sides of prod_children p(go on) p(child | head, side) . p(stop)

z is a projective tree with a single root. Words and tree are made together, so p(z) alone has no simple form: the prior
is p(z | T) uniform over the trees of T words, and ``log_likelihood`` is log p(x, z) minus its log, so that their sum is
log p(x, z). Knows nothing of where probabilities come from, nor of learning.
"""

import warnings
from abc import abstractmethod

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.distributions.memory import check_length
from undersong.distributions.valence import Valence, bytes_needed
from undersong.errors import UserError
from undersong.models.base import WORDS_AND_END, SummedOut
from undersong.models.heads import Attachments

_LARGEST = 2_000  # tags: a table of heads and children has 4 V^2 entries


class Dependencies(Configurable, nn.Module, SummedOut):
    """Base of the dependency models; a subclass writes ``attachments``. A sentence's words are its tags.

    Attributes:
        latent: V, the number of tags, any of which may head a word.
    """

    event = WORDS_AND_END
    annotation = ("heads",)

    def __init__(self, vocab: int):
        super().__init__()
        if vocab > _LARGEST:
            raise UserError(
                f"A dependency model over {vocab:,} words would need a table of {2 * vocab**2:,} pairs: prepare "
                f"a corpus whose words are tags, or one of at most {_LARGEST:,} words."
            )
        self.vocab = self.latent = vocab

    @abstractmethod
    def attachments(self) -> Attachments:
        """The log-probabilities as they are now."""

    def prior(self, x: Batch | None = None) -> Valence:
        """p(z | length of x), uniform over projective trees with a single root: z int64 [..., B, T]."""
        assert x is not None
        return scored(self.attachments().uniform(), x)

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x, z) - log p(z | length), nats, for heads z [S, B, T]: [S, B]."""
        return self.posterior(x).score(z) + self.prior(x).log_partition  # the log of the number of trees

    def posterior(self, x: Batch, *, given: bool = False) -> Valence:
        """p(z|x), whose ``log_partition`` is log p(x).

        Args:
            x: B sentences.
            given: words have the heads in ``x.heads`` where known. Heads that no projective tree with a single root
                has (crossing arcs, cycles, two roots) are set aside, with a warning, and their sentence is treated as
                having none.
        """
        tables = self.attachments()
        if not given or x.heads is None:
            return scored(tables, x)
        q = scored(tables, x, x.heads)
        if not q.log_partition.isneginf().any():
            return q
        # Is it the annotation or the model that leaves no tree?
        impossible = scored(tables.uniform(), x, x.heads).log_partition.isneginf()
        if not impossible.any():
            return q
        warnings.warn(
            f"The heads of {int(impossible.sum())} of {len(x)} sentences make no projective tree with a single root: "
            "these are treated as sentences without heads.",
            stacklevel=2,
        )
        return scored(tables, x, x.heads.masked_fill(impossible[:, None], -1))

    @torch.no_grad()
    def sample(self, n: int, *, max_words: int = 100, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """Heads [n, T] and their sentences; one of over ``max_words`` words is thrown away and drawn again."""
        return self.attachments().write(n, max_words, generator)


def scored(tables: Attachments, x: Batch, heads: Tensor | None = None) -> Valence:
    """The trees of B sentences with their scores log p(x, z).

    Args:
        tables: log-probabilities.
        x: sentences of tags.
        heads: those that words must have, -1 where unknown [B, T]; None where none is known.

    Raises:
        UserError: the pairs of words of sentences this long do not fit in memory.
    """
    check_length(x.tokens.shape[1], len(x), lambda words: bytes_needed(len(x), words), x.tokens.device)
    _, sides, valences, vocab = tables.attach.shape
    place = torch.arange(x.tokens.shape[1], device=x.tokens.device)
    side = (place > place[:, None]).long()  # [T, T] (head, child)
    pair = (x.tokens[:, :, None] * sides + side)[..., None] * valences + torch.arange(valences, device=place.device)
    entry = pair * vocab + x.tokens[:, None, :, None]  # [B, T, T, C]
    attach = tables.attach.flatten().gather(0, entry.flatten()).view_as(entry).expand(*entry.shape[:3], 2)
    root = nn.functional.embedding(x.tokens, tables.root[:, None]).squeeze(-1)
    decide = nn.functional.embedding(x.tokens, tables.decide.flatten(1)).unflatten(-1, (2, 2, 2))
    if heads is not None:
        not_root, not_arc = contradicted(heads)
        root = root.masked_fill(not_root, -torch.inf)
        attach = attach.masked_fill(not_arc[..., None], -torch.inf)
    return Valence(root, attach, decide, x.lengths)


def contradicted(heads: Tensor) -> tuple[Tensor, Tensor]:
    """Roots [B, T] and arcs (head, child) [B, T, T] that contradict known heads; -1 is unknown.

    >>> root, attach = contradicted(torch.tensor([[2, 0, -1]]))
    >>> root.tolist(), attach[0].tolist()
    ([[True, False, False]], [[True, True, False], [False, True, False], [True, True, False]])
    """
    place = torch.arange(1, heads.shape[1] + 1, device=heads.device)[:, None]
    known = heads >= 0
    return known & (heads > 0), known[:, None] & (heads[:, None] != place)
