"""The loop: batches to a learner, a look at held-out sentences, a checkpoint, until it is enough.

A run is a pure function of its configuration: batches depend on (seed, epoch), noise on (seed, step), held-out noise
on the sentence. So all that the loop itself remembers is the few values of ``Memory``, and a run that goes on from any
checkpoint ends where one never stopped ends. Knows nothing of models, objectives or how a learner learns.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NoReturn

from undersong.data.batch import Batch
from undersong.data.batching import Batches
from undersong.errors import UserError
from undersong.learning.base import Learner
from undersong.learning.checkpoint import Checkpoint, Checkpoints
from undersong.learning.interrupt import Interrupt
from undersong.learning.meter import Meter
from undersong.learning.progress import Display
from undersong.learning.record import Line, Record
from undersong.learning.seeds import sow
from undersong.learning.state import weights
from undersong.learning.validation import Validation

SYNC = 20  # steps between looks at the numbers: each look waits for the device


@dataclass(frozen=True)
class Memory:
    """What the loop carries from one step to the next.

    Attributes:
        step: steps taken.
        best: highest held-out value of the objective, or None before the first.
        best_step: where that was.
        stale: validations of changed parameters without a better value since the schedules ended.
        seconds: spent training so far, over all its resumptions.
        stopped: why the run ended, or None.
    """

    step: int = 0
    best: float | None = None
    best_step: int | None = None
    stale: int = 0
    seconds: float = 0.0
    stopped: str | None = None


@dataclass(frozen=True)
class Limits:
    """When to look, to save and to stop.

    Attributes:
        steps: the last step.
        done: what is said when it is reached.
        patience: validations of changed parameters, none better, before the run stops; None for never.
        settled: step from which the objective's coefficients are constant; patience waits for it.
        validate: steps between validations.
        save: seconds between checkpoints.
    """

    steps: int
    done: str
    patience: int | None
    settled: int
    validate: int
    save: float

    def reached(self, memory: Memory, finished: str | None) -> str | None:
        """Why a run that stands at ``memory`` is over; None to go on.

        Args:
            memory: of the loop.
            finished: why the learner has nothing left to learn, or None.
        """
        if self.patience is not None and memory.stale >= self.patience:
            return f"no better held-out objective in {memory.stale} validations"
        if finished is not None:
            return finished
        return self.done if memory.step >= self.steps else None


class Fit:
    """One run in progress.

    Args:
        learner: what learns, and through it the system.
        batches: of the training split.
        validation: of held-out sentences; None where there are none.
        limits: when to look, to save and to stop.
        checkpoints: where to save.
        record: where to write what happened.
        display: whom to show it.
        watch: called with each held-out line, gives lines for the record and says what a person must know.
        resumption: the command that goes on with this run, for whoever stops it.
    """

    def __init__(
        self,
        learner: Learner,
        batches: Batches,
        validation: Validation | None,
        limits: Limits,
        checkpoints: Checkpoints,
        record: Record,
        display: Display,
        watch: Callable[[Line], list[Line]],
        resumption: str,
    ):
        self.learner, self.system, self.batches, self.validation = learner, learner.system, batches, validation
        self.limits, self.checkpoints, self.record, self.display = limits, checkpoints, record, display
        self.watch, self.resumption = watch, resumption
        self.device = self.system.device
        self.memory = Memory()
        self.finished: str | None = None

    def run(self, memory: Memory) -> Memory:
        """Learn until a limit is reached.

        Raises:
            UserError: the loss is no longer a number, or the disk is full.
            KeyboardInterrupt, SystemExit: a person or the machine asked to stop; all is saved.
        """
        self.memory = memory
        saved = began = time.monotonic()
        before = memory.seconds
        meter = Meter()
        with Interrupt() as interrupt:
            for x in self._batches(memory.step):
                sow(self.batches.seed, self.memory.step)
                self.system.train()
                meter.add(self.learner.step(x.to(self.device), self.memory.step), x)
                self.memory = replace(self.memory, step=self.memory.step + 1)
                epoch_ends = self.memory.step % len(self.batches) == 0
                if epoch_ends:
                    meter.note(self.learner.end_epoch())
                    self.finished = self.learner.finished()
                due = self._validation_due()
                last = self.memory.step >= self.limits.steps
                if not (due or last or epoch_ends or self.memory.step % SYNC == 0 or interrupt.caught):
                    continue
                self.memory = replace(self.memory, seconds=before + time.monotonic() - began)
                self._write_train(meter)
                better = self._validate() if due else False
                self.memory = replace(self.memory, stopped=self.limits.reached(self.memory, self.finished))
                now = time.monotonic()
                keep = bool(better or self.memory.stopped or interrupt.caught or now - saved >= self.limits.save)
                if keep:
                    saved = now
                    self._save()
                if keep and interrupt.caught:  # though the run may be done: others may follow it
                    self.display.say(f"Saved at step {self.memory.step}. To go on: {self.resumption}")
                    interrupt.leave()
                if self.memory.stopped:
                    break
                meter.restart()
        return self.memory

    def _batches(self, step: int) -> Iterator[Batch]:
        """All batches from a step on."""
        epoch, start = divmod(step, len(self.batches))
        while True:
            yield from self.batches.epoch(epoch, start)
            epoch, start = epoch + 1, 0

    def _validation_due(self) -> bool:
        step, last = self.memory.step, self.memory.step >= self.limits.steps or self.finished is not None
        return self.validation is not None and (step % self.limits.validate == 0 or last)

    def _line(self, kind: str) -> Line:
        epoch = self.memory.step / len(self.batches)
        return {"kind": kind, "step": self.memory.step, "epoch": epoch, "seconds": round(self.memory.seconds, 3)}

    def _write_train(self, meter: Meter) -> None:
        found = meter.flush()
        line = {**self._line("train"), **found.line}
        if found.bad is not None:
            self._fail(f"{found.bad[0]} became {found.bad[1]}")
        self._note(line)
        self.display.train(line)

    def _validate(self) -> bool:
        """Look at held-out sentences; whether the objective is the best so far."""
        assert self.validation is not None
        found = self.validation(self.system)
        value = found["objective"]
        assert value is not None
        if not math.isfinite(value):
            self._fail(f"the held-out objective is {'-inf' if value == -math.inf else 'not a number'}")
        better = self.memory.best is None or value > self.memory.best
        step = self.memory.step
        if better:
            self.memory = replace(self.memory, best=value, best_step=step, stale=0)
        elif step > self.limits.settled and self._changed():
            self.memory = replace(self.memory, stale=self.memory.stale + 1)
        line = {**self._line("valid"), **found, "best": better}
        self._note(line)
        self.display.valid(line)
        for warning in self.watch(line):
            self._note(warning)
        return better

    def _changed(self) -> bool:
        """Whether the parameters are others than at the look before."""
        step, epoch = self.memory.step, len(self.batches)
        before = (step - 1) // self.limits.validate * self.limits.validate
        return self.learner.changes(step, epoch) > self.learner.changes(before, epoch)

    def _note(self, line: Line) -> None:
        with self._writing(f"The record of step {self.memory.step}", self.record.path):
            self.record.write(line)

    def _save(self) -> None:
        with self._writing(f"The checkpoint of step {self.memory.step}", self.checkpoints.folder):
            state = {**asdict(self.memory), "record": self.record.flushed()}
            checkpoint = Checkpoint(self.memory.step, weights(self.system), self.learner.state(), state)
            self.checkpoints.save(checkpoint)

    @contextmanager
    def _writing(self, what: str, where: Path) -> Iterator[None]:
        """Says how to go on where the disk is full, or whatever else it refuses."""
        try:
            yield
        except OSError as error:
            raise UserError(
                f"{what} could not be written to {where} ({error.strerror}); {self._kept()}. Make room, then go on: "
                f"{self.resumption}"
            ) from None

    def _fail(self, what: str) -> NoReturn:
        raise UserError(f"Training stopped at step {self.memory.step}: {what}; {self._kept()}. {self.learner.remedy}")

    def _kept(self) -> str:
        kept = self.checkpoints.steps()
        return f"the checkpoint of step {kept[-1]} is kept" if kept else "there was no checkpoint yet"
