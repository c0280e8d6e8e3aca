"""The dependency model with valence, its probabilities in tables (Klein and Manning 2004).

    p(x, z) = p(root's tag) prod over heads and sides of prod_children p(go on) p(child | head, side) . p(stop)

Knows nothing of EM: its tables are counted by ``Tabular``.
"""

from undersong.data.batch import Batch
from undersong.models.base import Counts
from undersong.models.dependencies import Dependencies
from undersong.models.harmonic import check_constant, harmonic_counts
from undersong.models.heads import Attachments
from undersong.models.tabular import Tabular
from undersong.nets.table import Table


class DMV(Dependencies, Tabular):
    """Projective trees with a single root over sentences of tags.

    Args:
        vocab: V, the number of tags; follows from the corpus.
        smoothing: added to each expected count: Dirichlet(1 + smoothing) priors. Without any, a pair of tags that
            training has not seen together is impossible. Read by EM, ``ViterbiEM`` and ``StepwiseEM`` alone,
            not by gradients.
        child_valence: whether the choice of a child also depends on whether it is the first on its side.
        harmonic: the constant in the harmonic start of EM; None to start from random tables (for restarts).
        per_head: which of two harmonic starts; see ``models.harmonic``.

    >>> model = DMV(9)
    >>> model.posterior(Batch.of([[5, 6, 7], [8]])).mode.shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        vocab: int,
        smoothing: float = 0.1,
        child_valence: bool = False,
        harmonic: float | None = 1.0,
        per_head: bool = False,
    ):
        super().__init__(vocab)
        check_constant(harmonic)
        self.harmonic, self.per_head, self.valences = harmonic, per_head, 2 if child_valence else 1
        self.root = Table(vocab, smoothing=smoothing)
        self.attach = Table(vocab, 2, self.valences, vocab, smoothing=smoothing)
        self.decide = Table(vocab, 2, 2, 2, smoothing=smoothing)

    def attachments(self) -> Attachments:
        """The tables."""
        return Attachments(self.root(), self.attach(), self.decide())

    def begin(self, x: Batch) -> Counts | None:
        """Expected counts of the harmonic start, by table."""
        if self.harmonic is None:
            return None
        return harmonic_counts(x, self.harmonic, self.per_head, self.vocab, self.valences)
