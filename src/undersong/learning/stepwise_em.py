"""Stepwise (online) expectation maximisation: the M-step after every mini-batch (Liang and Klein 2009, section 3).

    s <- (1 - eta_k) s + eta_k s(batch k),   n <- (1 - eta_k) n + eta_k n(batch k),   eta_k = (k + 2)^-alpha,
    theta <- argmax given N s / n

s sums expected counts and n the possible sentences they are of, so that a sentence weighs the same whatever the size of
its batch; the corpus has N possible sentences, so that smoothing weighs what it weighs in batch EM. It learns faster
than batch EM where the corpus is large. It promises no monotone objective and never says that it has converged: epochs
or patience end it. Knows nothing of what is counted.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.learning.base import Learner, Metrics
from undersong.learning.climb import NOTHING_POSSIBLE
from undersong.learning.em import POSSIBLE, counted_model, expected, guessed, mean_loss
from undersong.learning.system import System
from undersong.models.base import Counts
from undersong.settings import need, need_share


class StepwiseEM(Learner):
    """Online EM.

    The first M-step waits, by default for the first epoch's end: from a few batches a mixture makes a few clusters, and
    the others never come back (on dbpedia14, 3 to 7 of 14 are left).

    Give the model some smoothing: a word that the first batches do not hold is impossible otherwise. Sentences without
    a possible z are left out; ``impossible`` is their share.

    Args:
        system: what learns; its model is ``Counted``.
        alpha: how fast old counts are forgotten more slowly. Above 0.5 and up to 1 the steps die out as stochastic
            approximation asks; smaller values forget faster; 0 keeps nothing but the last batch.
        wait: steps before the first M-step; by default those of the first epoch.

    Raises:
        UserError: the model cannot be counted, alpha is not from 0 to 1, or wait is negative; while learning, no
            sentence is possible.
    """

    remedy = POSSIBLE

    def __init__(self, system: System, alpha: float = 0.7, wait: int | None = None):
        super().__init__(system)
        need_share(alpha=alpha)
        need(0, wait=wait)
        self.wait = wait
        self.model = counted_model(system, "StepwiseEM")
        self.alpha = alpha
        self.counts: dict[str, Tensor] = {}
        self.weight = 0.0  # n: the sentences that s is of, weighed as their counts are
        self.sentences = 0  # N, as far as it is known: those that are possible
        self.whole = False  # whether an epoch has passed, so that N is known

    def first(self, epoch: int) -> int:
        """Those that it waits, and by default an epoch's."""
        return epoch if self.wait is None else self.wait + 1

    def check(self, x: Batch) -> None:
        """These sentences can be counted."""
        expected(self.system, x, 0)

    def step(self, x: Batch, step: int) -> Metrics:
        """E-step of one batch, then the M-step."""
        bound, counts = expected(self.system, x, step)
        waiting = not self.whole if self.wait is None else step < self.wait
        guess = guessed(self.system, x) if waiting or step == self.wait else None  # before the first M-step
        out = bound.isneginf()
        possible = int((~out).sum())
        if possible:
            self._average(counts if guess is None else guess, possible, step)
        if not waiting:
            self._maximise()
        return {"loss": mean_loss(bound), "impossible": out.double().mean()}

    def _average(self, counts: Counts, possible: int, step: int) -> None:
        """A batch's counts into s, and its sentences that are possible into n."""
        self.sentences += 0 if self.whole else possible
        eta = (step + 2) ** -self.alpha
        self.weight = (1 - eta) * self.weight + eta * possible
        for name, count in counts.items():
            new = eta * count.double()
            self.counts[name] = (1 - eta) * self.counts[name] + new if name in self.counts else new

    def end_epoch(self) -> Metrics:
        """Every sentence was seen: their number is known from now on."""
        if self.wait is None and not self.whole:
            self._maximise()
        self.whole = True
        return {}

    def state(self) -> dict[str, Tensor]:
        """The counts, and how many sentences they are of."""
        numbers = torch.tensor([self.weight, self.sentences, self.whole], dtype=torch.float64)
        return {"numbers": numbers, **{f"count:{name}": count for name, count in self.counts.items()}}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up the counts."""
        weight, sentences, whole = state["numbers"].cpu().tolist()
        self.weight, self.sentences, self.whole = weight, int(sentences), bool(whole)
        self.counts = {name.removeprefix("count:"): t for name, t in state.items() if name != "numbers"}

    def _maximise(self) -> None:
        if not self.sentences:
            raise UserError(NOTHING_POSSIBLE)
        scale = self.sentences / self.weight
        self.model.maximise({name: scale * count for name, count in self.counts.items()})
