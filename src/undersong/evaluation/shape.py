"""The shape of the aggregated posterior, and what pictures of it need (IGP, section 5.3, Figures 1 and 4).

Knows nothing of how pictures are drawn.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures import shape


class PosteriorShape(Measure):
    """log det Cov[z] and ||E[z]||^2, one z ~ q(z|x) for each judged sentence."""

    name = "posterior_shape"

    def __call__(self, subject: Subject) -> Figures:
        """``log_det_covariance mean_norm_squared``; the first is None where the covariance is singular."""
        return shape.aggregate_shape(subject.codes(subject.split, subject.rows, sampled=True).cpu().numpy())


def histograms(subject: Subject) -> dict[str, NDArray[Any]]:
    """Figure 1's data: ``mean`` and ``variance`` of every dimension of every judged sentence's posterior, [N, D] each;
    the variances of a point mass are 0."""
    means, variances = [], []
    batches = (subject.split.batch(subject.rows[i : i + 256]) for i in range(0, len(subject.rows), 256))
    for _, q in subject.posteriors(batches):
        means.append(q.mean.cpu().numpy())
        variances.append(q.variance.cpu().numpy())
    return {"mean": np.concatenate(means), "variance": np.concatenate(variances)}


def tsne(subject: Subject, points: int = 1000) -> dict[str, NDArray[Any]]:
    """Figure 4's data: ``xy`` [N, 2] of the posterior means, ``label`` [N] (-1 where unknown), and ``classes``, the
    names of the labels.

    Raises:
        NotApplicable: fewer than four sentences.
    """
    some = subject.choose(len(subject.rows), points)
    rows = subject.rows[some]
    if len(rows) < shape.FEWEST:
        raise NotApplicable(f"t-SNE needs at least {shape.FEWEST} sentences, and there are {len(rows)}")
    labels = np.full(len(rows), -1) if subject.split.labels is None else subject.split.labels[rows]
    names = np.array(subject.corpus.label_names or [], dtype=str)
    xy = shape.tsne(subject.means[some].cpu().numpy(), subject.seed)
    return {"xy": xy, "label": labels, "classes": names}


def pictured(subject: Subject, points: int = 800) -> dict[str, NDArray[Any]]:
    """What both figures need; of a few sentences only what the first one needs."""
    try:
        return histograms(subject) | tsne(subject, points)
    except NotApplicable:
        return histograms(subject)
