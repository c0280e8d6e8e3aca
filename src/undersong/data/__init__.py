"""Sentences: where they come from, the words they are made of, the store that holds them, the batches that leave it."""

from undersong.data.batch import Batch
from undersong.data.batching import Batches
from undersong.data.store import Corpus, Split

__all__ = ["Batch", "Batches", "Corpus", "Split"]
