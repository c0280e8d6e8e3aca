"""A corpus of a given size out of a larger one: of each split, the sentences whose words hash lowest.

The key that divides into splits decides, but under another seed: the choice is the same on every machine, and equal
sentences are taken together. Knows nothing of recipes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from daft import col

from undersong.data.corpora.find import find_source, unescaped
from undersong.data.corpora.source import Source
from undersong.data.corpora.tables import Columns
from undersong.data.progress import progress
from undersong.data.query import Rules, key_of, lines, own_gate, run, splits_said
from undersong.data.store import SPLITS
from undersong.files import new_file

SEED = 2  # of the hash; 0 divides into splits, 1 hides annotation
READING = ("source", "text_column", "label_column", "split_column", "header", "sentence_separator", "splits")
_SCHEMA = pa.schema(
    {"text": pa.large_string(), "label": pa.large_string(), "split": pa.int8(), "key": pa.uint64(), "row": pa.int64()}
)


def take(settings: Mapping[str, Any], sizes: Mapping[str, int], target: Path) -> dict[str, Any]:
    """Write the sentences taken to a file: their words parted by spaces, which the word rule then leaves as they are.

    Args:
        settings: arguments of ``prepare`` for the larger corpus, which is no treebank.
        sizes: by split, the most sentences taken; a split that is not named is taken whole.
        target: the parquet file to write.

    Returns:
        Arguments of ``prepare`` for the smaller corpus; its vocabulary will be that of the sentences taken.

    Raises:
        UserError: the source cannot be read.
    """
    source, rules = _reading(settings)
    kept = {name: _SCHEMA.empty_table() for name in SPLITS}
    gate, read = own_gate(), 0
    query = lines(source, rules, gate).with_column("text", col("words").list_join(" "))
    query = query.with_column("key", key_of(rules, SEED))
    with progress() as steps:
        done = steps.step("choosing sentences")
        for batch in run(query, gate):
            found = pa.Table.from_batches([batch]).append_column("row", pa.array(range(read, read + len(batch))))
            found = found.filter(pc.is_null(found["skipped"])).select(_SCHEMA.names).cast(_SCHEMA)
            for number, name in enumerate(SPLITS):
                kept[name] = pa.concat_tables([kept[name], found.filter(pc.equal(found["split"], number))])
                if name in sizes and len(kept[name]) > 2 * sizes[name]:  # so many are held in memory, and no more
                    kept[name] = _lowest(kept[name], sizes[name])
            read += len(batch)
            done(len(batch))
    whole = pa.concat_tables([_lowest(kept[name], sizes.get(name)) for name in SPLITS]).sort_by("row")
    names = pa.array(SPLITS, pa.large_string()).take(whole["split"])
    with new_file(target) as file:
        pq.write_table(pa.table({"text": whole["text"], "label": whole["label"], "split": names}), file)
    smaller = {key: value for key, value in settings.items() if key not in READING}
    smaller |= {"source": str(target), "text_column": "text", "split_column": "split"}
    smaller |= {"splits": (1.0, 0.0, 0.0)}  # a split that is empty here stays so
    return smaller | ({"label_column": "label"} if source.labelled else {})


def _reading(settings: Mapping[str, Any]) -> tuple[Source, Rules]:
    """The larger corpus as ``prepare`` would read it."""
    text, label, split = (settings.get(f"{name}_column") for name in ("text", "label", "split"))
    separator = settings.get("sentence_separator")
    columns = Columns(text, label, split, settings.get("header", True))
    source = find_source(settings["source"], columns, separator and unescaped(separator))
    return source, Rules(
        min_words=settings.get("min_words", 5),
        max_words=settings.get("max_words", 30),
        lowercase=settings.get("lowercase", True),
        splits=tuple(settings.get("splits", (0.90, 0.05, 0.05))),
        given=splits_said(source, False) if source.given is None else source.given,
        skip_invalid=False,
    )


def _lowest(table: pa.Table, size: int | None) -> pa.Table:
    """The rows with the lowest keys; of equal ones the first."""
    return table.sort_by([("key", "ascending"), ("row", "ascending")]).slice(0, size)
