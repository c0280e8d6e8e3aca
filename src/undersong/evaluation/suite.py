"""Many measures of one model, over shared work.

A measure that has no meaning for the model or the corpus (labels where there are none) is left out, and the answer says
why. Knows nothing of any one measure.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from undersong.decoding.search import Search
from undersong.errors import UserError
from undersong.evaluation.agreement import Agreement, Imputation
from undersong.evaluation.classification import Classification, Robustness
from undersong.evaluation.code_clusters import CodeClusters
from undersong.evaluation.generation import Diversity, Lengths, Smoothness
from undersong.evaluation.judge import JudgeTraining
from undersong.evaluation.judgement import finite
from undersong.evaluation.measure import Measure
from undersong.evaluation.perplexity import Fluency, Perplexity
from undersong.evaluation.rates import Rates
from undersong.evaluation.reconstruction import Reconstruction
from undersong.evaluation.shape import PosteriorShape
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.learning.run import Run

# Two minutes on two cores for a small model: a smaller judge than the IGP paper's, fewer codes, no perplexities.
SMALL_JUDGE = JudgeTraining(hidden=128, epochs=3)
SUITE: tuple[Measure, ...] = (
    Reconstruction(),
    Lengths(),
    Smoothness(),
    Diversity(),
    Rates(),
    PosteriorShape(),
    Classification(sentences=10_000),
    Robustness(sentences=10_000),
    Agreement(SMALL_JUDGE),
    Imputation(judge=SMALL_JUDGE),
)

# Costlier, or of few models: asked only by name.
BY_NAME: tuple[type[Measure], ...] = (CodeClusters, Fluency, Perplexity)


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
        figures |= {name: finite(v) for name, v in found.items()}
        seconds[measure.name] = time.perf_counter() - started
    return Answers(figures, left_out, seconds)


def examine_run(
    run: Run | Path | str,
    measures: Sequence[Measure] = SUITE,
    *,
    split: str = "test",
    sentences: int | None = 5000,
    samples: int = 2000,
    search: Search | None = None,
    sampled: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> Answers:
    """Put every measure to a trained run.

    Args:
        run: a run, or the folder of one; its corpus must be where it was.
        measures: which; any list of them, one's own included.
        split, sentences, samples, search, sampled, seed, progress: see ``Subject``.

    Raises:
        UserError: the run, its corpus or the split cannot be used.
    """
    loaded = run if isinstance(run, Run) else Run.load(run)
    subject = Subject(
        loaded.system,
        loaded.corpus(),
        split=split,
        sentences=sentences,
        samples=samples,
        search=search,
        sampled=sampled,
        seed=seed,
        progress=progress,
    )
    return examine(subject, measures)
