"""Where does q come from? One file an answer."""

from undersong.inference.amortized import Amortized
from undersong.inference.base import Inference
from undersong.inference.exact import Exact
from undersong.inference.mean_field import StructuredMeanField
from undersong.inference.observed import Observed
from undersong.inference.observed_structure import ObservedStructure
from undersong.inference.refined import Refined, refine

__all__ = [
    "Amortized",
    "Exact",
    "Inference",
    "Observed",
    "ObservedStructure",
    "Refined",
    "StructuredMeanField",
    "refine",
]
