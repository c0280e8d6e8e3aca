"""Two models on the same sentences: which differences are real?

Knows nothing of how a test works; every difference comes with the name of its test.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undersong.errors import UserError
from undersong.evaluation.rates import MOST, nats
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures import edit, overlap
from undersong.measures.significance import Comparison, Statistic, mean_of_sums, paired_bootstraps


def sentence_scores(subject: Subject) -> dict[str, NDArray[Any]]:
    """Each judged sentence in numbers: its bounds and its reconstruction, to be stored and compared later.

    Returns:
        ``row`` [N], which sentences of the split; what ``rates.nats`` says of each, [N], with ``information`` only of
        at most 5,000 sentences; and of a model that writes a sentence again from its vector, ``bleu`` [N, 10], the
        statistics of ``overlap.bleu_statistics``, and ``rouge_2 rouge_4 exact_match edit_distance
        edit_distance_normalised`` [N].
    """
    found: dict[str, NDArray[Any]] = {"row": subject.rows, **nats(subject, subject.rows, MOST)}
    try:
        pair = subject.reconstructions, subject.originals
    except NotApplicable:
        return found
    return found | {
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

    It says whether the difference would hold on other sentences, not whether it would from another seed. Of a figure
    that is infinite for some sentence, which then has probability 0 under one of the models, nothing is said.

    Raises:
        UserError: the two were not judged on the same sentences.
    """
    if not np.array_equal(first["row"], second["row"]):
        raise UserError("The two models were judged on different sentences: judge both on the same split and seed.")
    shared = first.keys() & second.keys()
    scores: dict[str, tuple[NDArray[Any], NDArray[Any], Statistic]]
    scores = {name: (first[name], second[name], mean_of_sums) for name in sorted(shared - {"row", "bleu"})}
    for order in (2, 4) if "bleu" in shared else ():
        scores[f"bleu_{order}"] = first["bleu"], second["bleu"], partial(overlap.bleu_of, order=order)
    return dict(sorted(paired_bootstraps(scores, resamples, seed).items())) if scores else {}
