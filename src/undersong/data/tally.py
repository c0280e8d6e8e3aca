"""The first run of a preparation: what words, labels, tags and constituents there are, and which lines are left out.

Knows nothing of vocabularies or files to write.
"""

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from undersong.data.corpora.source import Source
from undersong.data.counting import WordCounts
from undersong.data.progress import Steps
from undersong.data.query import Rules, lines, own_gate, run
from undersong.errors import UserError

_MOST_LABELS = 65_536
_MOST_TAGS = 65_535


class Tally:
    """What the first run finds.

    Attributes:
        words: counts of the words of the training split, if they are asked for.
        labels: all labels.
        tags: the tags of each split, where their annotation is kept.
        span_labels: labels of constituents, alike.
        notes: how many kept sentences are unusual, by what.
        skipped: lines left out, by reason.
        read, kept, training: lines in all, lines kept, lines of the training split.
    """

    def __init__(self, words: WordCounts | None) -> None:
        self.words = words
        self.labels: set[str] = set()
        self.tags: tuple[set[str], ...] = (set(), set(), set())
        self.span_labels: set[str] = set()
        self.notes: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.kept = self.read = self.training = 0

    def add(self, batch: pa.RecordBatch, found: Source) -> None:
        """Count a batch of the query's lines."""
        self.read += len(batch)
        for reason in pc.value_counts(batch.column("skipped")).to_pylist():
            if reason["values"] is not None:
                self.skipped[reason["values"]] += reason["counts"]
        self.kept += batch.column("skipped").null_count
        if found.labelled:
            kept = batch.column("label").filter(pc.is_null(batch.column("skipped")))
            self.labels.update(kept.unique().drop_null().to_pylist())
            if len(self.labels) > _MOST_LABELS:
                raise UserError(f"The label column holds more than {_MOST_LABELS} classes: is it one of labels?")
        if found.annotations:
            self._add_annotations(batch)
        training = of_split(batch.select(["words", "split", "skipped"]), 0)
        self.training += len(training)
        if self.words is not None:
            self.words.add(training.column("words").flatten())

    def _add_annotations(self, batch: pa.RecordBatch) -> None:
        for split, tags in enumerate(self.tags):
            own = of_split(batch, split)
            self.notes.update(own.column("notes").flatten().to_pylist())
            own = own.filter(own.column("annotated"))
            tags.update(own.column("tags").flatten().unique().drop_null().to_pylist())
            self.span_labels.update(own.column("span_labels").flatten().unique().to_pylist())
        for names, what in ((set[str]().union(*self.tags), "tags"), (self.span_labels, "labels of constituents")):
            if len(names) > _MOST_TAGS:
                raise UserError(f"There are more than {_MOST_TAGS} {what}: choose another column with --tag-column.")

    def annotation(self) -> dict[str, Any]:
        """What ``corpus.json`` says of a treebank's annotation: names, and what was unusual."""
        unseen = {name for split in self.tags[1:] for name in split} - self.tags[0]
        return {
            "tag_names": sorted(set().union(*self.tags)),
            "span_names": sorted(self.span_labels),
            "annotation": {"roots": 0, "nonprojective": 0, "cyclic": 0}
            | dict(sorted(self.notes.items()))
            | {"tags unseen in training": sorted(unseen)},
        }

    def check(self, source: str) -> None:
        """See that something is left.

        Raises:
            UserError: there are no lines, or none for training.
        """
        if self.read == 0:
            raise UserError(f"{source} is empty: it holds no lines.")
        if self.training == 0:
            why = "; ".join(f"{count} {reason}" for reason, count in self.skipped.most_common())
            left = f"Nothing of {source} is left" if self.kept == 0 else f"No training sentence of {source} is left"
            raise UserError(f"{left} of {self.read} lines ({why or 'none skipped'}): check the source and the bounds.")


def count(found: Source, rules: Rules, words: WordCounts | None, steps: Steps) -> Tally:
    """The first run.

    Args:
        found: what is read.
        rules: what makes a line a sentence.
        words: counts the words of the training split; None where nobody asks how often a word occurs.
        steps: told of the lines done.
    """
    tally = Tally(words)
    done = steps.step("counting")
    gate = own_gate()
    for batch in run(lines(found, rules, gate), gate):
        tally.add(batch, found)
        done(len(batch))
    return tally


def of_split(batch: pa.RecordBatch, split: int) -> pa.RecordBatch:
    """The lines kept that belong to a split."""
    return batch.filter(pc.and_(pc.is_null(batch.column("skipped")), pc.equal(batch.column("split"), split)))
