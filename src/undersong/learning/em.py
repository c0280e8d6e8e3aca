"""Expectation maximisation: expected counts over all sentences, then the parameters that they make most probable.

    E-step:  q(z) = p(z|x; theta)        M-step:  theta <- argmax sum_n E_q[log p(x_n, z; theta)] + log p(theta)

(Dempster, Laird and Rubin 1977; tutorial, section 5.2.) Neither step lowers the objective, the mean bound on log p(x)
plus the log prior; where it falls nevertheless by more than rounding (counts that do not fit the M-step, or an
approximate q that found a worse place), the step is undone and learning ends. Knows nothing of what is counted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.learning.base import Learner, Metrics
from undersong.learning.climb import CONVERGED, GOING, Climb, Tensors
from undersong.learning.seeds import mix
from undersong.learning.system import System
from undersong.models.base import Counted, Counts
from undersong.objectives import ELBO

POSSIBLE = (
    "If a held-out sentence is impossible under the model, begin again with a --model.smoothing above 0, which leaves "
    "no word so."
)


class EM(Learner):
    """Batch EM: one M-step an epoch.

    Of several restarts, the one whose training objective is the best so far is what the system holds at each epoch's
    end, and what is then validated; the run keeps, as any run, the checkpoint with the best held-out value among those.
    So a loaded run may hold an earlier epoch of a restart that another one overtook later.

    Args:
        system: what learns; its model is ``Counted``, such as ``MixtureOfUnigrams``, ``HMM`` or ``PCFG``.
        restarts: how many starting points climb side by side; the system holds the one with the best objective.
        tolerance: learning ends when an epoch raises the objective by no more than this share of it, or of one nat if
            it is smaller than that.

    Raises:
        UserError: the model cannot be counted, or a number makes no sense.
    """

    hard = False
    remedy = POSSIBLE

    def __init__(self, system: System, restarts: int = 1, tolerance: float = 1e-5):
        super().__init__(system)
        if restarts < 1 or not tolerance >= 0:
            raise UserError("EM takes 1 restart or more, and a tolerance of 0 or more.")
        self.model = counted_model(system, type(self).__name__)
        self.restarts, self.tolerance = restarts, tolerance
        self.climbs: list[Climb] = []

    def first(self, epoch: int) -> int:
        """An epoch's: the M-step is at its end."""
        return epoch

    def changes(self, steps: int, epoch: int) -> int:
        """Once an epoch."""
        return steps // epoch

    def check(self, x: Batch) -> None:
        """These sentences can be counted."""
        expected(self.system, x, 0, self.hard)

    def step(self, x: Batch, step: int) -> Metrics:
        """The E-step of one batch. ``loss`` is minus the mean bound, nats a sentence."""
        if not self.climbs:
            self.climbs = [Climb.of(fresh(self.model, number)) for number in range(self.restarts)]
        going = [climb for climb in self.climbs if climb.ended == GOING]
        bounds = {}
        for climb in going:
            self._enter(climb)
            bound, counts = expected(self.system, x, step, self.hard)
            guess = guessed(self.system, x) if climb.epochs == 0 else None
            climb.add(bound, counts if guess is None else guess)
            climb.guessed = guess is not None
            if guess is not None:
                climb.take(self.system.model)  # type: ignore[arg-type]
            bounds[id(climb)] = bound
        chosen = best(self.climbs)
        self._enter(chosen)
        if not going:
            return {"loss": torch.tensor(-(chosen.objective or 0.0))}
        return {"loss": mean_loss(bounds[id(best(going))])}

    def end_epoch(self) -> Metrics:
        """The M-step.

        Returns:
            ``objective``, of the parameters before this M-step, nats a sentence; and ``impossible``, if there are any,
            the share of the sentences that have no z under the model and are left out.
        """
        for climb in self.climbs:
            if climb.ended == GOING:
                self._enter(climb)
                climb.maximise(self.model, self.tolerance)
        chosen = best(self.climbs)
        self._enter(chosen)
        found = {"objective": chosen.objective, "impossible": chosen.left_out or None}
        return {name: torch.tensor(v, dtype=torch.float64) for name, v in found.items() if v is not None}

    def finished(self) -> str | None:
        """Whether every restart has ended, and how the best one did."""
        if not self.climbs or any(climb.ended == GOING for climb in self.climbs):
            return None
        chosen = best(self.climbs)
        after = f"after {chosen.epochs} M-steps, at {chosen.objective:.6g} nats a sentence"
        if chosen.ended == CONVERGED:
            return f"EM has converged {after}: its objective rose by no more than {self.tolerance:g} of itself"
        return (
            f"EM stopped {after}: the next step lowered the objective by more than rounding and was undone (the "
            "model's counts do not fit its M-step, or an approximate posterior found a worse place)"
        )

    def state(self) -> Tensors:
        """Every restart's parameters, counts and sums."""
        return {f"{i}:{name}": t for i, climb in enumerate(self.climbs) for name, t in climb.state().items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up every restart where it stood."""
        parts: dict[int, Tensors] = {}
        for key, tensor in state.items():
            number, _, name = key.partition(":")
            parts.setdefault(int(number), {})[name] = tensor
        self.climbs = [Climb.restored(parts[number]) for number in sorted(parts)]

    def _enter(self, climb: Climb) -> None:
        if len(self.climbs) > 1:
            climb.enter(self.system.model)  # type: ignore[arg-type]


class ViterbiEM(EM):
    """EM that counts the single best structure of each sentence ("hard" EM).

    Its objective is the mean log-probability of sentence and best structure together, plus the log prior; that never
    falls, but log p(x) may.
    """

    hard = True


def counted_model(system: System, learner: str) -> Counted:
    """The system's model, if it can be counted and log p(x) is what is wanted.

    Raises:
        UserError: it cannot, or another objective was chosen.
    """
    if not isinstance(system.model, Counted):
        raise UserError(
            f"{learner} learns by counting, which {type(system.model).__name__} cannot: use --learner Gradient, or a "
            "model made of tables (MixtureOfUnigrams, HMM, PCFG, DMV)."
        )
    need_log_px(system, learner)
    return system.model


def need_log_px(system: System, learner: str) -> None:
    """For learners that read no objective: the one that held-out sentences are judged by is what they maximise.

    Raises:
        UserError: another objective was chosen.
    """
    if not isinstance(system.objective, ELBO):
        raise UserError(
            f"{learner} maximises log p(x), or a bound on it, and never {type(system.objective).__name__}: leave "
            "--objective alone, or use --learner Gradient."
        )


def expected(system: System, x: Batch, step: int, hard: bool = False) -> tuple[Tensor, Counts]:
    """Bounds [B] and expected counts of one batch."""
    model = counted_model(system, "EM")
    with model.counting(), torch.enable_grad():
        return model.expect(x, system.posterior(x, step), hard)


def guessed(system: System, x: Batch) -> Counts | None:
    """Counts of one batch under the model's starting guess, if it has one."""
    seen = x if system.inference.believes else replace(x, labels=None, tags=None, heads=None, spans=None)
    return counted_model(system, "EM").begin(seen)


def mean_loss(bound: Tensor) -> Tensor:
    """Minus the mean bound of the sentences that are possible, nats."""
    out = bound.isneginf()
    return -bound.masked_fill(out, 0.0).sum() / (~out).sum().clamp(min=1)


def best(climbs: Sequence[Climb]) -> Climb:
    """The one with the highest objective; the first of equals."""
    return max(climbs, key=lambda climb: -math.inf if climb.objective is None else climb.objective)


def fresh(model: Counted, number: int) -> nn.Module:
    """A model made as ``model`` was, with the ``number``-th start; number 0 is the model itself.

    The start depends on torch's seed, which the loop sets from the run's seed and the step.
    """
    assert isinstance(model, nn.Module)
    if number == 0:
        return model
    if not isinstance(model, Configurable):
        raise UserError(f"{type(model).__name__} does not derive from Configurable: it cannot be restarted.")
    with torch.random.fork_rng([]):
        torch.manual_seed(mix(torch.initial_seed(), number))
        return type(model)(**model._arguments).to(next(model.parameters()).device)
