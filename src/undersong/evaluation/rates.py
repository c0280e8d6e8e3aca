"""A model's place on the rate-distortion plane, over the judged sentences (IGP, section 5.1).

Knows nothing of the plane's inequalities: see ``measures.rates``.
"""

import torch

from undersong.distributions import Delta, keyed_sample
from undersong.draw import FINAL
from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures import information
from undersong.measures.rates import empirical_entropy, rate_distortion


class Rates(Measure):
    """H - D <= I(x, z) <= R, all four over the same sentences.

    Args:
        sentences: at most so many of the judged ones: the information costs their square.
    """

    name = "rates"

    def __init__(self, sentences: int | None = 5000):
        self.sentences = sentences

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Figures:
        """See ``measures.rates.rate_distortion``; one sample of q(z|x) for each sentence."""
        subject.need_latent()
        rows = subject.rows[subject.choose(len(subject.rows), self.sentences)]
        parts = [rows[first : first + 256] for first in range(0, len(rows), 256)]
        kept, samples, rate, distortion = [], [], 0.0, 0.0
        batches = (subject.split.batch(part) for part in subject.track(parts, "rates"))
        for x, q in subject.posteriors(batches):
            if isinstance(q, Delta):
                raise NotApplicable("the posterior is a point mass, whose rate is not defined")
            z = keyed_sample(q, x.index, 1, subject.seed)  # [1, B, D]
            d = subject.system.draw(x, q, z, FINAL)
            rate += float(d.kl.cpu().double().sum())
            distortion -= float(d.log_px.cpu().double().sum())
            kept.append(q)
            samples.append(z)
        found = information.mutual_information(kept, torch.cat(samples, 1)).mean()
        entropy = empirical_entropy(tuple(subject.split.ids(int(row)).tolist()) for row in rows)
        count = len(rows)
        return rate_distortion(rate / count, distortion / count, float(found), information.cap(count), entropy)
