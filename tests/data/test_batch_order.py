"""An epoch goes through short and long sentences in no order of their lengths."""

from pathlib import Path

from tests.learning.small import make_corpus

from undersong.data.batching import Batches
from undersong.data.store import Corpus


def test_batches_come_in_no_order_of_their_lengths(tmp_path: Path) -> None:
    """Or the last steps of each epoch would be taken on the shortest sentences alone."""
    batches = Batches(Corpus.open(make_corpus(tmp_path / "corpus")).train, sentences=8, seed=0)
    for epoch in (0, 1):
        longest = [int(x.lengths.max()) for x in batches.epoch(epoch)]
        assert longest not in (sorted(longest), sorted(longest, reverse=True))
