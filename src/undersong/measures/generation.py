"""The lengths of samples against the data's, and how evenly a walk between two sentences moves.

Knows nothing of models: lengths are numbers, a walk is a list of sentences.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import wasserstein_distance

from undersong.measures.edit import normalised_edit_distances
from undersong.measures.overlap import Words
from undersong.measures.some import need_some


def length_comparison(samples: ArrayLike, data: ArrayLike) -> dict[str, float]:
    """How the numbers of words of samples and of real sentences compare (AutoGen, section 3.3: VAEs write short).

    Returns:
        ``length_mean``, ``length_std`` of the samples; the same of the data with ``_data``; ``length_total_variation``,
        half the summed absolute difference of the two histograms, 0 to 1; ``length_wasserstein``, in words.

    Raises:
        ValueError: there is no sample, or no sentence.

    >>> length_comparison([1, 1], [1, 3])["length_total_variation"]
    0.5
    """
    written, real = np.asarray(samples, dtype=np.int64), np.asarray(data, dtype=np.int64)
    need_some(samples=len(written), sentences=len(real))
    size = int(max(written.max(initial=0), real.max(initial=0))) + 1
    shares = [np.bincount(lengths, minlength=size) / max(len(lengths), 1) for lengths in (written, real)]
    return {
        "length_mean": float(written.mean()),
        "length_std": float(written.std()),
        "length_mean_data": float(real.mean()),
        "length_std_data": float(real.std()),
        "length_total_variation": float(np.abs(shares[0] - shares[1]).sum() / 2),
        "length_wasserstein": float(wasserstein_distance(written, real)),
    }


def smoothness(walks: Sequence[Sequence[Words]]) -> dict[str, float | None]:
    """How a latent walk moves (AutoGen, section 3.4): few repeated neighbours, neighbours alike.

    Returns:
        ``repeated_neighbours``: share of steps that write the same sentence again. ``neighbour_similarity``: mean over
        steps of 1 - normalised edit distance. ``moving_similarity``: the same over the steps that are no repeats, so
        that standing still does not pass for smoothness (None if there is none). ``largest_jump``: mean over walks of
        the largest normalised edit distance of one step.

    Raises:
        ValueError: there is no step.

    >>> smoothness([[["a", "b"], ["a", "b"], ["a", "c"]]])["neighbour_similarity"]
    0.75
    """
    before = [sentence for walk in walks for sentence in walk[:-1]]
    after = [sentence for walk in walks for sentence in walk[1:]]
    owner = [number for number, walk in enumerate(walks) for _ in walk[1:]]
    need_some(steps=len(before))
    distance = normalised_edit_distances(before, after)
    moved = distance > 0
    largest = np.zeros(len(walks))
    np.maximum.at(largest, owner, distance)
    return {
        "repeated_neighbours": float((~moved).mean()),
        "neighbour_similarity": float(1 - distance.mean()),
        "moving_similarity": float(1 - distance[moved].mean()) if moved.any() else None,
        "largest_jump": float(largest.mean()),
    }
