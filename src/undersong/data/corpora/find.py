"""From the name of a source, as typed, to the source: ``wordnet``, ``hf:NAME``, a file or a folder.

Knows nothing of what is done with it.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa

from undersong.data.corpora.hub import hub_source
from undersong.data.corpora.lines import read_lines
from undersong.data.corpora.opening import COMPRESSED, kind_of
from undersong.data.corpora.source import BY_HASH, SPLIT_NAMES, Part, Source, sentences
from undersong.data.corpora.tables import Columns, read_csv, read_jsonl, read_parquet
from undersong.data.corpora.treebank import ENDINGS, Treebank, is_treebank, treebank_source
from undersong.data.corpora.wordnet import wordnet_source
from undersong.errors import UserError

Reader = Callable[[Path, Columns, int], Iterator[pa.RecordBatch]]

TABLES: dict[str, Reader] = {
    ".csv": read_csv, ".tsv": read_csv,
    ".jsonl": read_jsonl, ".ndjson": read_jsonl, ".json": read_jsonl,
    ".parquet": read_parquet, ".pq": read_parquet,
}  # fmt: skip
_MADE = {
    "corpus.json": "a prepared corpus already: train on it, or prepare what it was made of",
    "run.json": "a trained run: prepare the text that its corpus was made of",
}  # which beside a tokenizer mark folders of undersong's own
_WORDNET = ("wordnet", "wordnet:definitions", "wordnet:examples")


def find_source(name: str, columns: Columns, separator: str | None = None, reading: Treebank | None = None) -> Source:
    """The source of that name.

    Args:
        name: ``wordnet``, ``wordnet:examples``, ``hf:NAME[:SPLIT]``, or the path of a file or folder.
        columns: which columns of a table hold what.
        separator: where a text is cut into several sentences, or None.
        reading: how a treebank is read, if not in the usual way.

    Raises:
        UserError: there is no such source, or it is no treebank and something is asked of it as of one.
    """
    wanted = Treebank() if reading is None else reading
    if name in _WORDNET:
        _without_columns(columns, f"{name} is WordNet's own text")
        found = wordnet_source(examples=name == "wordnet:examples")
    elif name.startswith("hf:"):
        found = hub_source(name.removeprefix("hf:"), columns)
    elif name and Path(name).is_dir():  # the empty path is the folder that one is in
        found = _folder(Path(name), columns, wanted)
    elif Path(name).is_file():
        found = _files([(Path(name), BY_HASH)], columns, wanted, {})
    elif name == "-" or (name and Path(name).exists()):
        raise UserError(
            f"{name} is no regular file, and a source is read more than once: write it into a file first, whose ending "
            "says what it holds (.txt, .csv, .jsonl, ...)."
        )
    else:
        raise UserError(
            f"There is no source {name!r}: give a file, a folder, `wordnet`, `wordnet:examples` or `hf:NAME[:SPLIT]`."
        )
    if not found.annotations and wanted != Treebank():
        raise UserError(f"{name} is not a treebank, so it has no tags: leave out --tag-column and --punctuation.")
    if separator is None:
        return found
    if found.annotations:
        raise UserError(f"{name} is a treebank, whose sentences are given: leave out --sentence-separator.")
    parts = [Part(part.name, partial(_cut, part, separator), part.unit) for part in found.parts]
    return Source(parts, found.labelled, found.label_names, found.given, found.skipped)


def unescaped(separator: str) -> str:
    r"""A separator as a shell hands it on: a backslash and t is a tab, one and n the end of a line.

    >>> unescaped(r"\t"), unescaped("|")
    ('\t', '|')
    """
    return separator.replace("\\t", "\t").replace("\\n", "\n")


def path_of(name: str) -> Path | None:
    """The file or folder that the source of that name is read from; None if it is none of the user's.

    >>> path_of("wordnet"), path_of(".")
    (None, PosixPath('.'))
    """
    path = Path(name.removeprefix("hf:"))
    return path if name not in _WORDNET and path.exists() else None


def _without_columns(columns: Columns, what: str, remedy: str = "") -> None:
    if columns.text or columns.label or columns.split:
        raise UserError(
            f"{what}, which has no columns: leave out --text-column, --label-column and --split-column{remedy}."
        )


def _cut(part: Part, separator: str) -> Iterator[pa.RecordBatch]:
    return (sentences(batch, separator) for batch in part.read())


def _folder(folder: Path, columns: Columns, reading: Treebank) -> Source:
    """All files of a folder and its subfolders; train, valid and test files are kept as splits.

    Where some are treebanks, all others (a licence, a README) are left out. Corpora prepared and runs trained
    inside it are none of it.

    Raises:
        UserError: it holds no corpus, a prepared one, a run, or files of splits beside others.
    """
    if (made := _made(folder)) is not None:
        raise UserError(f"{folder} is {made}.")
    # By code point of the path inside the folder, so that the order is the same on every machine.
    files = sorted(_inside(folder), key=lambda path: path.relative_to(folder).as_posix())
    known = [path for path in files if is_treebank(path)]
    known = known or [path for path in files if kind_of(path) in (*TABLES, ".txt", ".text")]
    if not known:
        raise UserError(
            f"{folder} holds no corpus: it has no file ending in {', '.join(('.txt', *TABLES, *ENDINGS))} (or such a "
            f"file with {', '.join(COMPRESSED)} after it)."
        )
    skipped = {"file of unknown kind": len(files) - len(known)} if len(files) > len(known) else {}
    splits = [_split_in(path.relative_to(folder)) for path in known]
    if any(split is not None for split in splits) and None in splits:
        odd = known[splits.index(None)]
        raise UserError(
            f"{folder} holds files named after splits, but {odd.relative_to(folder)} is none of train, valid, test: "
            f"rename it or move it away."
        )
    numbered = [(path, BY_HASH if split is None else split) for path, split in zip(known, splits, strict=True)]
    if {split for _, split in numbered} == {0}:  # a lone training file is not a division into splits
        numbered = [(path, BY_HASH) for path, _ in numbered]
    return _files(numbered, columns, reading, skipped)


def _inside(folder: Path) -> Iterator[Path]:
    """All files of a folder and its subfolders but hidden ones, prepared corpora and runs.

    Links are followed, each folder is read once.

    Raises:
        UserError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise UserError(f"Cannot read {error.filename}: {error.strerror}.")

    seen: set[str] = set()
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        passed = real in seen or _made(Path(place)) is not None
        folders[:] = [] if passed else sorted(name for name in folders if not name.startswith("."))
        if not passed:
            visible = (Path(place, name) for name in names if not name.startswith("."))
            yield from (path for path in visible if path.is_file() or path.is_symlink())  # not a pipe, which may block
        seen.add(real)


def _made(folder: Path) -> str | None:
    """What undersong itself has made of a folder; None where it has not."""
    if not (folder / "tokenizer.json").is_file():
        return None
    return next((what for mark, what in _MADE.items() if (folder / mark).is_file()), None)


def _split_in(path: Path) -> int | None:
    """The split that a file lies in, or its name begins with: ``dev/a.txt``, ``train.txt``, ``valid-00.csv.gz``.

    A treebank's name may also end in it: ``en_ewt-ud-train.conllu``.
    """
    name = path.name.lower().split(".", 1)[0].replace("_", "-").split("-")
    said = [*(folder.lower() for folder in path.parts[:-1]), name[0], *(name[-1:] if is_treebank(path) else ())]
    return next((SPLIT_NAMES[word] for word in said if word in SPLIT_NAMES), None)


def _files(files: list[tuple[Path, int]], columns: Columns, reading: Treebank, skipped: dict[str, int]) -> Source:
    given = frozenset(split for _, split in files if split != BY_HASH)
    if is_treebank(files[0][0]):
        return treebank_source(files, columns, reading, given, skipped)
    parts = []
    tables = 0
    for path, split in files:
        reader = TABLES.get(kind_of(path))
        tables += reader is not None
        if reader is None:
            parts.append(Part(str(path), partial(read_lines, path, split)))
        else:
            unit = "line" if reader is read_jsonl else "row"
            parts.append(Part(str(path), partial(reader, path, columns, split), unit))
    if not tables:
        remedy = ", or name the file .csv, .tsv, .jsonl or .parquet"
        _without_columns(columns, f"{files[0][0]} is read as plain text", remedy)
    return Source(parts, columns.label is not None, None, None if columns.split else given, skipped)
