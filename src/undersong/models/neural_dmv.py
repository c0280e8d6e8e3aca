"""The neural DMV: the dependency model with valence, its probabilities from a network (Jiang, Han and Tu 2016).

    p(child | tag, side, valence) ~ exp(u_child . relu(W_side [tag; valence] + b_side)),  as ``nets.dependency`` has it

``Gradient`` learns it on log p(x). EM learns it as the paper does: expected counts from the trees, and then the net is
moved to make them more probable. Knows nothing of learners.
"""

import torch

from undersong.data.batch import Batch
from undersong.models.base import Counts
from undersong.models.dependencies import Dependencies
from undersong.models.harmonic import check_constant, harmonic_counts
from undersong.models.heads import Attachments
from undersong.models.tabular import Tabular
from undersong.nets.dependency import DependencyNet


class NeuralDMV(Dependencies, Tabular):
    """Projective trees with a single root over sentences of tags.

    Args:
        vocab: V, the number of tags; follows from the corpus.
        size: of the tags' vectors.
        hidden: width of the hidden layer.
        harmonic: the constant in the harmonic start of EM; None to start from the random network.
        steps: gradient steps of each M-step of EM.
        lr: their learning rate (Adam).

    >>> model = NeuralDMV(9)
    >>> model.log_marginal(Batch.of([[5, 6, 7], [8]])).shape
    torch.Size([2])
    """

    def __init__(
        self,
        vocab: int,
        size: int = 32,
        hidden: int = 64,
        harmonic: float | None = 1.0,
        steps: int = 50,
        lr: float = 0.01,
    ):
        super().__init__(vocab)
        check_constant(harmonic)
        self.harmonic = harmonic
        self.net = DependencyNet(vocab, size, hidden, steps, lr)

    def attachments(self) -> Attachments:
        """What the net says."""
        return Attachments(*self.net.parts(self.net()))

    def begin(self, x: Batch) -> Counts | None:
        """Expected counts of the harmonic start."""
        if self.harmonic is None:
            return None
        found = harmonic_counts(x, self.harmonic, False, self.vocab, 2)
        return {"net": torch.cat([found[name].flatten() for name in ("root", "attach", "decide")])}
