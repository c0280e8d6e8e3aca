"""Data sets of the Hugging Face ``datasets`` library: from its hub, or a folder saved by ``save_to_disk``.

Splits named ``train``, ``validation`` and ``test`` are kept; other splits are left out, and counted. Needs the optional
package ``datasets``, imported here only.

Knows nothing of words.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from undersong.data.corpora.source import BLOCK, BY_HASH, SPLIT_NAMES, Part, Source
from undersong.data.corpora.tables import Columns, table_batch
from undersong.errors import UserError


def hub_source(name: str, columns: Columns) -> Source:
    """A data set.

    Args:
        name: ``NAME`` or ``NAME:SPLIT``; NAME is a name on the hub, a folder saved by ``save_to_disk``, or, where a
            data set has several configurations, ``OWNER/NAME/CONFIGURATION``.
        columns: where text and labels are.

    Raises:
        UserError: there is no such data set, split or column, or ``datasets`` is not installed.
    """
    datasets = _library()
    found = _load(datasets, name)
    tables: dict[str, Any] = found if isinstance(found, dict) else {"": found}
    kept = {split: table for split, table in tables.items() if split == "" or split.lower() in SPLIT_NAMES}
    if not kept:
        raise UserError(f"hf:{name} has splits {', '.join(tables)}: choose one, as hf:{name}:{next(iter(tables))}.")
    # A lone training split is not a division into splits.
    lone = [SPLIT_NAMES.get(split.lower(), BY_HASH) for split in kept] in ([0], [BY_HASH])
    label_names = None
    parts = []
    for split, table in kept.items():
        where = f"hf:{name}" + (f" ({split})" if split else "")
        text = columns.text_in(table.column_names, where)
        if columns.label is not None:
            label_names = getattr(table.features[columns.label], "names", None)
        number = BY_HASH if lone else SPLIT_NAMES[split.lower()]
        parts.append(Part(where, partial(_read, table, columns, text, number, label_names, where), unit="row"))
    skipped = {f"split {split!r}": len(table) for split, table in tables.items() if split not in kept}
    given = None if columns.split else frozenset() if lone else frozenset(SPLIT_NAMES[s.lower()] for s in kept)
    return Source(parts, columns.label is not None, label_names, given, skipped)


def _library() -> Any:
    try:
        import datasets
    except ImportError:
        raise UserError("hf: sources need the package `datasets`: type `pip install 'undersong[hub]'`.") from None
    datasets.disable_progress_bars()
    return datasets


def _load(datasets: Any, name: str) -> Any:
    whole, _, split = name.rpartition(":")
    if not whole or Path(name).exists():
        whole, split = name, ""
    try:
        if Path(whole).is_dir():
            found = datasets.load_from_disk(whole)
            if split:
                splits = found if isinstance(found, dict) else {}
                if split not in splits:
                    raise UserError(f"hf:{whole} has no split {split!r}, but {', '.join(splits) or 'none at all'}.")
                found = splits[split]
        else:
            parts = whole.split("/")
            name_and_configuration = ["/".join(parts[:2]), parts[2]] if len(parts) == 3 and all(parts) else [whole]
            found = datasets.load_dataset(*name_and_configuration, split=split or None)
    except UserError:
        raise
    except Exception as error:  # the library raises many kinds, for many reasons
        raise UserError(f"Cannot read the data set hf:{name}: {' '.join(str(error).split())}") from error
    return found


def _read(
    table: Any, columns: Columns, text: str, split: int, label_names: list[str] | None, where: str
) -> Iterator[pa.RecordBatch]:
    first = 1
    for rows in table.with_format("arrow").iter(batch_size=BLOCK):
        if label_names is not None and columns.label is not None:
            rows = _named(rows, columns.label, label_names)
        yield table_batch(rows, columns, text, first, split, where)
        first += len(rows)


def _named(rows: pa.Table, column: str, names: list[str]) -> pa.Table:
    """Class numbers as class names; -1, which `datasets` writes for unknown, as null."""
    numbers = rows.column(column).combine_chunks()
    known = pc.if_else(pc.greater_equal(numbers, 0), numbers, pa.scalar(None, numbers.type))
    return rows.set_column(rows.column_names.index(column), column, pa.array(names, pa.large_string()).take(known))
