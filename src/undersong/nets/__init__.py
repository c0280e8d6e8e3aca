"""Nets that read and write text, and the two fast seams they stand on (``recurrent``, ``vocabulary``)."""

from undersong.nets.base import Decoder, Encoder, Reader, State
from undersong.nets.decoder import RecurrentDecoder
from undersong.nets.encoder import RecurrentEncoder
from undersong.nets.recurrent import GRU, LSTM
from undersong.nets.vocabulary import Vocabulary

__all__ = ["GRU", "LSTM", "Decoder", "Encoder", "Reader", "RecurrentDecoder", "RecurrentEncoder", "State", "Vocabulary"]
