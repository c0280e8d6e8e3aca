"""One set of a model's parameters on its way through expectation maximisation.

Several of them (restarts) take turns in one model: ``enter`` puts a set in, ``leave`` takes it out. Knows nothing of
where the expected counts come from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from undersong.errors import UserError
from undersong.models.base import Counted, Counts

Tensors = dict[str, Tensor]
GOING, CONVERGED, FELL = 0, 1, 2
NOTHING_POSSIBLE = "No sentence is possible under the model: is the corpus what this model is made for?"


@dataclass
class Climb:
    """Where one set of parameters stands.

    Attributes:
        now: the parameters and buffers.
        before: what they were before the last M-step.
        counts: expected counts of the epoch so far, float64.
        total: sum of the bounds of the epoch so far, nats, float64.
        seen, impossible: sentences of the epoch so far with and without a possible z.
        guessed: whether the epoch's counts are a starting guess, whose M-step may lower the objective.
        objective: (sum of bounds + log prior) / sentences at the last M-step; None before the first.
        epochs: M-steps taken.
        ended: ``GOING``, ``CONVERGED`` or ``FELL``.
        left_out: share of the last epoch's sentences that had no possible z.
    """

    now: Tensors
    before: Tensors = field(default_factory=dict)
    counts: Tensors = field(default_factory=dict)
    total: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    seen: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    impossible: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    guessed: bool = False
    objective: float | None = None
    epochs: int = 0
    ended: int = GOING
    left_out: float = 0.0

    @staticmethod
    def of(model: nn.Module) -> "Climb":
        """A set that starts from the model's parameters as they are."""
        return Climb(snapshot(model))

    @torch.no_grad()
    def enter(self, model: nn.Module) -> None:
        """Make these the model's parameters."""
        put(self.now, model)

    def take(self, model: nn.Module) -> None:
        """Remember the model's parameters as these."""
        self.now = snapshot(model)

    def add(self, bound: Tensor, counts: Counts) -> None:
        """The bounds [B] and expected counts of one batch; sentences without a possible z (-inf) are left out."""
        out = bound.isneginf()
        self.total = self.total.to(bound.device) + bound.double().masked_fill(out, 0.0).sum()
        self.seen = self.seen.to(bound.device) + (~out).sum()
        self.impossible = self.impossible.to(bound.device) + out.sum()
        for name, count in counts.items():
            if name in self.counts:
                self.counts[name].add_(count)
            else:
                self.counts[name] = count.to(torch.float64, copy=True)

    def maximise(self, model: Counted, tolerance: float) -> None:
        """The M-step, in a model that holds these parameters; a fall of the objective is undone, and ends the climb."""
        assert isinstance(model, nn.Module)
        if not float(self.seen):
            raise UserError(NOTHING_POSSIBLE)
        objective = (float(self.total) + float(model.log_prior().detach())) / float(self.seen)
        if objective != objective:
            raise UserError("EM's objective is not a number: the model's log-probabilities are not, for some sentence.")
        self.left_out = float(self.impossible / (self.seen + self.impossible))
        last = self.objective
        if last is not None and objective < last - rounding(model) * (1 + abs(last)):
            put(self.before, model)
            self.ended = FELL
        else:
            self.before = snapshot(model)
            model.maximise(self.counts)
            self.epochs += 1
            self.objective = None if self.guessed else objective
            if last is not None and objective - last <= tolerance * max(1.0, abs(last)):
                self.ended = CONVERGED
        self.take(model)
        self.counts, self.guessed = {}, False
        self.total, self.seen, self.impossible = (torch.zeros_like(t) for t in (self.total, self.seen, self.impossible))

    def state(self) -> Tensors:
        """All of it as tensors."""
        objective = float("nan") if self.objective is None else self.objective
        numbers = [float(v) for v in (self.total, self.seen, self.impossible, self.guessed)]
        numbers += [objective, self.epochs, self.ended, self.left_out]
        kept = {"numbers": torch.tensor(numbers, dtype=torch.float64)}
        for part in ("now", "before", "counts"):
            kept.update({f"{part}:{name}": t for name, t in getattr(self, part).items()})
        return kept

    @staticmethod
    def restored(state: Mapping[str, Tensor]) -> "Climb":
        """What gave ``state``."""
        *sums, guessed, objective, epochs, ended, left_out = state["numbers"].cpu().tolist()
        parts: dict[str, Tensors] = {"now": {}, "before": {}, "counts": {}}
        for key, tensor in state.items():
            part, _, name = key.partition(":")
            if name:
                parts[part][name] = tensor
        total, seen, impossible = (torch.tensor(v, dtype=torch.float64) for v in sums)
        return Climb(
            **parts,
            total=total,
            seen=seen,
            impossible=impossible,
            guessed=bool(guessed),
            objective=None if objective != objective else objective,
            epochs=int(epochs),
            ended=int(ended),
            left_out=left_out,
        )


def snapshot(model: nn.Module) -> Tensors:
    """Copies of a model's parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


@torch.no_grad()
def put(tensors: Tensors, model: nn.Module) -> None:
    """Copy ``tensors`` into a model."""
    for name, own in model.state_dict(keep_vars=True).items():
        own.copy_(tensors[name])


def rounding(model: nn.Module) -> float:
    """How much of an objective may be lost to rounding: a share of it."""
    return 100 * max(torch.finfo(p.dtype).eps for p in model.parameters())
