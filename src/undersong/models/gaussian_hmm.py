"""The hidden Markov model of word vectors: each state writes a Gaussian vector (Lin et al. 2015; He et al. 2018).

    p(v, z) = prod_t mu_{z_{t-1}, z_t} N(f(v_t); m_{z_t}, S_{z_t})

where v_t is the vector of word t, trained on the same text beforehand, and f keeps volume. What it scores is a density
of vectors, so it has no perplexity, and its likelihood compares with no other kind of model's. Knows nothing of
learning.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from undersong.data.batch import PAD, Batch
from undersong.data.vectors import read_vectors
from undersong.errors import UserError
from undersong.models.base import VECTORS, Counts
from undersong.models.hidden_markov import HiddenMarkov, Scores
from undersong.models.tabular import Tabular
from undersong.models.walk import Walk
from undersong.nets.components import Components
from undersong.nets.densities import WordDensities
from undersong.nets.projection import Projection, Unprojected
from undersong.nets.shared_components import SharedDiagonalComponents
from undersong.nets.table import Table


class GaussianHMM(HiddenMarkov, Tabular):
    """K states, each a Gaussian over word vectors.

    EM starts from means of words far apart, or where tags are believed, from the words that have them; states without
    any tag share what is far from these.

    Args:
        vocab: V; follows from the corpus.
        vectors: a file written by ``undersong vectors``; the model keeps a copy of what is in it.
        states: K.
        ends: score the end of the sentence too.
        smoothing: added to each expected count of a start or a transition. Read by EM alone,
            not by gradients.
        gaussians: ``SharedDiagonalComponents`` or ``TiedComponents``, with one covariance for all states; or, given
            longer text, ``DiagonalComponents``, ``SphericalComponents`` or ``FullComponents``, where each state has its
            own: one that holds a single frequent word shrinks to the floor. Given K and D.
        projection: f, given D: ``Unprojected``, or ``Coupling``, an invertible network.
        climbing: steps of a learned projection in each M-step.

    Raises:
        UserError: there is no such file, or it is of another vocabulary.
    """

    def __init__(
        self,
        vocab: int,
        vectors: Path | None = None,
        states: int = 45,
        ends: bool = True,
        smoothing: float = 0.001,
        gaussians: Callable[[int, int], Components] = SharedDiagonalComponents,
        projection: Callable[[int], Projection] = Unprojected,
        climbing: int = 10,
    ):
        super().__init__(vocab, states, ends)
        if vectors is None:
            raise UserError(
                "GaussianHMM reads word vectors: make them with `undersong vectors CORPUS --out FILE`, and give "
                "--model.vectors FILE."
            )
        found = read_vectors(vectors, vocab)
        self.made_of = found.vocabulary
        self.event = f"{VECTORS} {found.mark}" + " and end of sentence" * ends
        self.initial = Table(states, smoothing=smoothing)
        self.transition = Table(states, states + ends, smoothing=smoothing)
        self.words = WordDensities(found, states, gaussians, projection, climbing)

    def scores(self) -> Scores:
        """The tables, and the density of each word's vector in each state."""
        return Scores.of(self.initial(), self.transition(), self.words())

    def begin(self, x: Batch) -> Counts | None:
        """Where tags are believed, their words in the states of their numbers and nothing else."""
        if x.tags is None:
            return None
        known = x.tags >= 0
        words = x.tokens.new_zeros(self.vocab, self.latent, dtype=torch.float64)
        words.index_put_((x.tokens[known], x.tags[known]), words.new_ones(()), accumulate=True)
        self.words.make_room(words)
        return {name: words if name == "words" else torch.zeros_like(table()) for name, table in self.tables.items()}

    def words_for(self, path: Walk, s: Scores, generator: torch.Generator | None) -> Batch:
        """For each state the word nearest to a vector drawn from it."""
        tokens: Tensor = torch.full_like(path.states, PAD)
        tokens[path.inside] = self.words.nearest(path.states[path.inside], generator)
        return Batch(tokens, path.lengths, torch.arange(len(tokens), device=tokens.device))
