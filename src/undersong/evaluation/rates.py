"""A model's place on the rate-distortion plane, over the judged sentences (IGP, section 5.1).

Knows nothing of the plane's inequalities (see ``measures.rates``), nor of how a sentence is scored (``scoring``).
"""

import numpy as np
from numpy.typing import NDArray

from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.scoring import information, score
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures.information import cap
from undersong.measures.rates import empirical_entropy, rate_distortion
from undersong.models.base import scores_ends
from undersong.settings import need

MOST = 5000  # sentences: the information costs their square


class Rates(Measure):
    """H - D <= I(x, z) <= R, all four over the same sentences.

    Args:
        sentences: at most so many of the judged ones: the information costs their square.
    """

    name = "rates"

    def __init__(self, sentences: int | None = MOST):
        need(1, sentences=sentences)
        self.sentences = sentences

    def __call__(self, subject: Subject) -> Figures:
        """See ``measures.rates.rate_distortion``."""
        subject.need_latent()
        rows = subject.rows[subject.choose(len(subject.rows), self.sentences)]
        found = {name: float(values.mean()) for name, values in nats(subject, rows).items()}
        if "information" not in found:
            raise NotApplicable("the posterior is a point mass, whose rate is not defined")
        entropy = empirical_entropy(tuple(subject.split.ids(int(row)).tolist()) for row in rows)
        if not scores_ends(subject.system.model):  # the length is given: D says nothing of it
            entropy -= empirical_entropy(subject.split.lengths[rows].tolist())
        return rate_distortion(found["rate"], found["distortion"], found["information"], cap(len(rows)), entropy)


def nats(subject: Subject, rows: NDArray[np.int64], most: int | None = None) -> dict[str, NDArray[np.float64]]:
    """What each sentence adds to R, D, I(x, z) and the ELBO: ``rate distortion information elbo`` [N], those that the
    model defines; ``elbo`` is log p(x) where that is known. Of more than ``most`` sentences no ``information``, which
    costs their square."""
    scores = score(subject.system, subject.split, subject.seed, rows=rows, progress=subject.progress)
    few = most is None or len(rows) <= most
    found = {
        "rate": scores.rate,
        "distortion": scores.distortion,
        "information": information(subject.system, scores, subject.progress) if few else None,
        "elbo": scores.elbo,
    }
    order = np.argsort(scores.rows)
    back = order[np.searchsorted(scores.rows, rows, sorter=order)]  # scores are by length, the answer by ``rows``
    return {name: values.cpu().double().numpy()[back] for name, values in found.items() if values is not None}
