"""The shape of the aggregated posterior q(z) = mean over sentences of q(z|x) (IGP, section 5.3 and Figures 1 and 4).

    log det Cov[z] and ||E[z]||^2 for z ~ q(z)

Knows nothing of models or sentences: z is a table of numbers.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undersong.measures.some import need_some
from undersong.settings import lowest_bits

NEIGHBOURS, FEWEST = 30.0, 4  # of t-SNE: of each point, at most; points at least


def aggregate_shape(z: NDArray[Any]) -> dict[str, float | None]:
    """``log_det_covariance`` and ``mean_norm_squared`` of samples of the aggregated posterior.

    A collapsed posterior, whose samples are the prior's, has log-determinant 0 under a standard prior.

    Args:
        z: [N, D], one or more samples of q(z|x) for each of many sentences.

    Returns:
        The log-determinant is None where the covariance is singular: fewer samples than dimensions, or a dimension
        that never moves.

    Raises:
        ValueError: there is no sample.
    """
    need_some(samples=len(z))
    centred = z.astype(np.float64) - z.mean(0, dtype=np.float64)
    covariance = centred.T @ centred / max(len(z) - 1, 1)
    sign, log_det = np.linalg.slogdet(covariance)
    regular = sign > 0 and len(z) > z.shape[1] and np.linalg.cond(covariance) < 1e15
    return {
        "log_det_covariance": float(log_det) if regular else None,
        "mean_norm_squared": float((z.mean(0, dtype=np.float64) ** 2).sum()),
    }


def neighbours(count: int) -> float:
    """About how many neighbours t-SNE gives each of so many points (its "perplexity").

    >>> neighbours(800), neighbours(31)
    (30.0, 10.0)
    """
    return min(NEIGHBOURS, (count - 1) / 3)


def tsne(means: NDArray[Any], seed: int = 0) -> NDArray[np.float32]:
    """Coordinates [N, 2] of posterior means [N, D] for a picture (van der Maaten and Hinton 2008).

    Raises:
        ValueError: fewer than ``FEWEST`` points.
    """
    from sklearn.manifold import TSNE  # a second to import, wanted by one figure only

    if len(means) < FEWEST:
        raise ValueError(f"t-SNE needs at least {FEWEST} sentences.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of means that are all alike: the picture will say so
        drawing = TSNE(perplexity=neighbours(len(means)), random_state=lowest_bits(seed, 32), init="random")
        return drawing.fit_transform(means.astype(np.float32))
