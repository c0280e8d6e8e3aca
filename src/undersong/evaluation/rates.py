"""A model's place on the rate-distortion plane, over the judged sentences (IGP, section 5.1).

Knows nothing of the plane's inequalities: see ``measures.rates``.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from undersong.distributions import Delta, keyed_sample
from undersong.draw import FINAL
from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures import information
from undersong.measures.rates import empirical_entropy, rate_distortion

MOST = 5000  # sentences: the information costs their square


class Rates(Measure):
    """H - D <= I(x, z) <= R, all four over the same sentences.

    Args:
        sentences: at most so many of the judged ones: the information costs their square.
    """

    name = "rates"

    def __init__(self, sentences: int | None = MOST):
        self.sentences = sentences

    def __call__(self, subject: Subject) -> Figures:
        """See ``measures.rates.rate_distortion``; one sample of q(z|x) for each sentence."""
        rows = subject.rows[subject.choose(len(subject.rows), self.sentences)]
        found = {name: float(values.mean()) for name, values in nats(subject, rows).items()}
        entropy = empirical_entropy(tuple(subject.split.ids(int(row)).tolist()) for row in rows)
        cap = information.cap(len(rows))
        return rate_distortion(found["rate"], found["distortion"], found["information"], cap, entropy)


@torch.no_grad()
def nats(subject: Subject, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """What each sentence adds to R, D and I(x, z), from one sample of q(z|x): ``rate distortion information`` [N].

    Raises:
        NotApplicable: there is no z, or q has no density.
    """
    subject.need_latent()
    parts = [rows[first : first + 256] for first in range(0, len(rows), 256)]
    kept, samples, rate, distortion = [], [], [], []
    batches = (subject.split.batch(part) for part in subject.track(parts, "rates"))
    for x, q in subject.posteriors(batches):
        if isinstance(q, Delta):
            raise NotApplicable("the posterior is a point mass, whose rate is not defined")
        z = keyed_sample(q, x.index, 1, subject.seed)  # [1, B, D]
        d = subject.system.draw(x, q, z, FINAL)
        rate.append(d.kl)
        distortion.append(-d.mean(d.log_px))
        kept.append(q)
        samples.append(z)
    told = information.mutual_information(kept, torch.cat(samples, 1))
    found = {"rate": torch.cat(rate), "distortion": torch.cat(distortion), "information": told}
    return {name: values.cpu().double().numpy() for name, values in found.items()}
