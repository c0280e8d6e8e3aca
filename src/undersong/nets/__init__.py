"""Nets that read and write text, and the two fast seams they stand on (``recurrent``, ``vocabulary``)."""

from undersong.nets.bag_of_words import BagEncoder, BagOfWords
from undersong.nets.base import Decoder, Encoder, Reader, State
from undersong.nets.components import Components, DiagonalComponents, FullComponents, SphericalComponents
from undersong.nets.context import Context, FirstWords, Label
from undersong.nets.decoder import RecurrentDecoder
from undersong.nets.encoder import RecurrentEncoder
from undersong.nets.factorial_emissions import FactorialEmission, ProductTable
from undersong.nets.gaussian_sum import GaussianSum
from undersong.nets.projection import Coupling, Projection, Unprojected
from undersong.nets.recurrent import GRU, LSTM
from undersong.nets.segments import BagSegments, RecurrentSegments, Segments
from undersong.nets.sentence_vectors import MeanOfWords, SentenceVectors
from undersong.nets.shared_components import SharedDiagonalComponents, TiedComponents
from undersong.nets.table import Table
from undersong.nets.vocabulary import Vocabulary

__all__ = [
    "GRU",
    "LSTM",
    "BagEncoder",
    "BagOfWords",
    "BagSegments",
    "Components",
    "Context",
    "Coupling",
    "Decoder",
    "DiagonalComponents",
    "Encoder",
    "FactorialEmission",
    "FirstWords",
    "FullComponents",
    "GaussianSum",
    "Label",
    "MeanOfWords",
    "ProductTable",
    "Projection",
    "Reader",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "RecurrentSegments",
    "Segments",
    "SentenceVectors",
    "SharedDiagonalComponents",
    "SphericalComponents",
    "State",
    "Table",
    "TiedComponents",
    "Unprojected",
    "Vocabulary",
]
