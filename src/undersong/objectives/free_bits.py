"""Free bits: a rate that costs nothing up to a threshold, E_q[log p(x|z)] - (KL where it exceeds the threshold).

Three objectives go by this name in the field's code; each is here under a name that says where the threshold stands:

    FreeBitsSentence        max(bits, sum_g KL_bg)                  the whole KL of each sentence
    FreeBitsDimension       sum_g max(bits, KL_bg)                  each part of each sentence
    FreeBitsMeanDimension   sum_g max(bits, mean_b KL_bg)           each part's mean over the batch (Kingma et al. 2016)

``bits`` is in nats in spite of its name. A rate below the threshold gets no gradient. Where the KL has no closed form,
as with a mixture prior, its estimate from ``samples`` stands in its place, and exceeds the threshold by chance too.
"""

from torch import Tensor

from undersong.draw import Draw
from undersong.objectives.base import Objective
from undersong.objectives.schedule import Coefficient, at, extremes
from undersong.settings import need


class FreeBitsSentence(Objective):
    """The whole KL of a sentence is free up to ``bits`` nats.

    Args:
        bits: threshold for a sentence, nats; a number or a schedule.
        samples: of z for each sentence.
    """

    def __init__(self, bits: Coefficient = 4.0, samples: int = 1):
        need(0, **extremes(bits=bits))
        need(1, samples=samples)
        self.bits, self.samples = bits, samples

    def __call__(self, d: Draw) -> Tensor:
        return d.mean(d.log_px) - d.kl.clamp(min=at(self.bits, d.step))


class FreeBitsDimension(Objective):
    """Each dimension of each sentence is free up to ``bits`` nats.

    Args:
        bits: threshold for a dimension, nats; a number or a schedule.
        samples: of z for each sentence.
    """

    by_dimension = True

    def __init__(self, bits: Coefficient = 0.125, samples: int = 1):
        need(0, **extremes(bits=bits))
        need(1, samples=samples)
        self.bits, self.samples = bits, samples

    def __call__(self, d: Draw) -> Tensor:
        return d.mean(d.log_px) - d.kl_parts.clamp(min=at(self.bits, d.step)).sum(-1)


class FreeBitsMeanDimension(Objective):
    """Each dimension's mean over the batch is free up to ``bits`` nats (Kingma et al. 2016, the original form).

    Args:
        bits: threshold for a dimension, nats; a number or a schedule.
        samples: of z for each sentence.
    """

    couples_batch = True
    by_dimension = True

    def __init__(self, bits: Coefficient = 0.125, samples: int = 1):
        need(0, **extremes(bits=bits))
        need(1, samples=samples)
        self.bits, self.samples = bits, samples

    def __call__(self, d: Draw) -> Tensor:
        return d.mean(d.log_px) - d.kl_parts.mean(0).clamp(min=at(self.bits, d.step)).sum()
