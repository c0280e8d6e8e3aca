"""Two models on the same sentences, and two methods over several seeds: which differences are real?

Knows nothing of how a test works; every difference comes with the name of its test.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undersong.errors import UserError
from undersong.evaluation.rates import MOST, nats
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures import edit, overlap
from undersong.measures.significance import Comparison, compare_seeds, paired_bootstrap

Figures = Mapping[str, float | None]


def sentence_scores(subject: Subject) -> dict[str, NDArray[Any]]:
    """The reconstruction of each judged sentence in numbers, to be stored and compared later.

    Returns:
        ``bleu`` [N, 10], the statistics of ``overlap.bleu_statistics``; ``rouge_2 rouge_4 exact_match edit_distance
        edit_distance_normalised`` [N]; ``row`` [N], which sentences of the split; and, of a posterior with a density
        and at most 5,000 sentences, ``rate distortion information`` [N], nats.
    """
    pair = subject.reconstructions, subject.originals
    found: dict[str, NDArray[Any]] = {}
    try:
        if len(subject.rows) <= MOST:
            found = dict(nats(subject, subject.rows))
    except NotApplicable:
        pass
    return found | {
        "row": subject.rows,
        "bleu": overlap.bleu_statistics(*pair),
        "rouge_2": overlap.rouge_each(*pair, order=2),
        "rouge_4": overlap.rouge_each(*pair, order=4),
        "exact_match": edit.exact_matches(*pair).astype(np.float64),
        "edit_distance": edit.edit_distances(*pair).astype(np.float64),
        "edit_distance_normalised": edit.normalised_edit_distances(*pair),
    }


def compare_reconstructions(
    first: Mapping[str, NDArray[Any]], second: Mapping[str, NDArray[Any]], resamples: int = 2000, seed: int = 0
) -> dict[str, Comparison]:
    """Paired bootstrap of every figure that two models' ``sentence_scores`` share.

    It says whether the difference would hold on other sentences, not whether it would from another seed.

    Raises:
        UserError: the two were not judged on the same sentences.
    """
    if not np.array_equal(first["row"], second["row"]):
        raise UserError("The two models were judged on different sentences: judge both on the same split and seed.")
    found = {}
    for order in (2, 4):
        statistic = partial(overlap.bleu_of, order=order)
        found[f"bleu_{order}"] = paired_bootstrap(first["bleu"], second["bleu"], statistic, resamples, seed)
    for name in (first.keys() & second.keys()) - {"row", "bleu"}:
        found[name] = paired_bootstrap(first[name], second[name], resamples=resamples, seed=seed)
    return dict(sorted(found.items()))


def compare_methods(first: Sequence[Figures], second: Sequence[Figures]) -> dict[str, Comparison | None]:
    """Every figure that both methods have from all their seeds, compared over the seeds; None for one seed."""
    names = set.intersection(*(set(figures) for figures in (*first, *second)))
    found: dict[str, Comparison | None] = {}
    for name in sorted(names):
        sides = [[figures[name] for figures in side] for side in (first, second)]
        if any(value is None for side in sides for value in side):
            continue
        found[name] = compare_seeds(*(np.array(side, dtype=np.float64) for side in sides))
    return found
