"""Distributions torch does not have, closed-form divergences by part, and noise that is keyed to its sentence."""

from torch.distributions import Distribution

from undersong.distributions.chain import Chain
from undersong.distributions.delta import Delta
from undersong.distributions.divergence import kl_parts
from undersong.distributions.keyed import keyed_sample
from undersong.distributions.structured import Structured

# Straight-through one-hots and other samples at the edge of a support fail torch's checks, which also cost time.
Distribution.set_default_validate_args(False)

__all__ = ["Chain", "Delta", "Structured", "keyed_sample", "kl_parts"]
