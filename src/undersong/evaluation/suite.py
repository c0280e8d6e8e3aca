"""Many measures of one model, in one pass over shared work.

A measure that has no meaning for the model or the corpus (labels where there are none) is left out, and the answer says
why. Knows nothing of any one measure.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from undersong.errors import UserError
from undersong.evaluation.agreement import Agreement, Imputation
from undersong.evaluation.classification import Classification, Robustness
from undersong.evaluation.generation import Diversity, Lengths, Smoothness
from undersong.evaluation.judge import JudgeTraining
from undersong.evaluation.measure import Measure
from undersong.evaluation.rates import Rates
from undersong.evaluation.reconstruction import Reconstruction
from undersong.evaluation.shape import PosteriorShape
from undersong.evaluation.subject import NotApplicable, Subject

SMALL_JUDGE = JudgeTraining(hidden=128, epochs=3)
SUITE: tuple[Measure, ...] = (
    Reconstruction(),
    Lengths(),
    Smoothness(),
    Diversity(),
    Rates(),
    PosteriorShape(),
    Classification(),
    Robustness(),
    Agreement(SMALL_JUDGE),
    Imputation(judge=SMALL_JUDGE),
)


@dataclass(frozen=True)
class Answers:
    """What the measures said.

    Attributes:
        figures: by name; None where a number is not defined.
        left_out: by measure, why it has no meaning here.
        seconds: by measure; work that measures share is counted where it was first needed.
    """

    figures: dict[str, float | None]
    left_out: dict[str, str]
    seconds: dict[str, float]


def examine(subject: Subject, measures: Sequence[Measure] = SUITE) -> Answers:
    """Put every measure to the subject.

    Raises:
        UserError: two measures give a figure of the same name.
    """
    figures: dict[str, float | None] = {}
    left_out: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for measure in measures:
        started = time.perf_counter()
        try:
            found = measure(subject)
        except NotApplicable as reason:
            left_out[measure.name] = str(reason)
            continue
        twice = sorted(figures.keys() & found.keys())
        if twice:
            raise UserError(f"Two measures give a figure named {twice[0]}: leave one of them out.")
        figures |= found
        seconds[measure.name] = time.perf_counter() - started
    return Answers(figures, left_out, seconds)
