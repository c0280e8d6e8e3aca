"""Results as text for a terminal, as JSON, and latent vectors as a file.

A model's words and a person's input may hold characters that command a terminal (escape sequences, changes of writing
direction): none reaches it. Knows nothing of models.
"""

import errno
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from undersong.data.corpora.annotated import Sentence as Annotated
from undersong.decoding.generating import Interpolation, Sentence
from undersong.decoding.rewriting import Rewriting
from undersong.errors import UserError
from undersong.files import new_file, reason
from undersong.text import readable, shows, visible


def as_json(results: Sequence[Any]) -> str:
    """A JSON list of results, one a line."""
    return json_rows(asdict(result) for result in results)


def json_rows(rows: Iterable[Any]) -> str:
    r"""A JSON list, a row a line; what would not show is escaped, all other letters stand as they are.

    >>> print(json_rows([{"words": ["naïve", "\u202e"]}]))
    [
    {"words": ["naïve", "\u202e"]}
    ]
    """
    written = ",\n".join(_escaped(json.dumps(row, ensure_ascii=False)) for row in rows)
    return f"[\n{written}\n]" if written else "[]"


def tagged(sentence: Annotated) -> str:
    """Each word, or each segment in brackets, with its tag.

    >>> tagged(Annotated(("a", "dog", "barks"), tags=("s0", "s0", "s1")))
    'a/s0 dog/s0 barks/s1'
    >>> tagged(Annotated(("a", "dog", "barks"), tags=("s0", "s0", "s1"), spans=((0, 2, "s0"), (2, 3, "s1"))))
    '[a dog]/s0 [barks]/s1'
    """
    words = [visible(word) for word in sentence.words]
    if sentence.spans is None:
        return " ".join(f"{word}/{tag}" for word, tag in zip(words, sentence.tags or (), strict=True))
    return " ".join(f"[{' '.join(words[first:after])}]/{tag}" for first, after, tag in sentence.spans)


def harmless(sentences: Sequence[Annotated], terminal: bool) -> Sequence[Annotated]:
    r"""The sentences for a treebank's format: on a terminal no word commands it, a file or pipe has what was given.

    >>> harmless([Annotated(("\x1b[31m",))], terminal=True)[0].words
    ('\\x1b[31m',)
    """
    if not terminal:
        return sentences
    return [replace(sentence, words=tuple(map(visible, sentence.words))) for sentence in sentences]


def rewritings(results: Iterable[Rewriting]) -> str:
    """Each sentence above what became of it."""
    rows = (f"{visible(r.source)}\n  {r.log_prob:9.2f}  {readable(r.text)}" for r in results)
    return "\n".join(rows)


def sentences(results: Iterable[Sentence]) -> str:
    """One sentence a line after its log-probability."""
    return "\n".join(f"{r.log_prob:9.2f}  {readable(r.text)}" for r in results)


def interpolation(result: Interpolation) -> str:
    """The steps between the two sentences."""
    return "\n".join([visible(result.start), sentences(result.steps), visible(result.end)])


def unknown_words(found: Iterable[str]) -> str:
    r"""One line on the words outside the vocabulary; empty where there are none.

    >>> unknown_words(["zebra", "gnu", "zebra"])
    'outside the vocabulary, read as <unk>: gnu, zebra'
    >>> unknown_words(["\x1b"])
    'outside the vocabulary, read as <unk>: \\x1b'
    """
    each = sorted({visible(word) for word in found})
    more = f", and {len(each) - 20} more" if len(each) > 20 else ""
    return f"outside the vocabulary, read as <unk>: {', '.join(each[:20])}{more}" if each else ""


def check_ending(out: Path) -> None:
    """Refuse, before any work is done, a file for latent vectors of another kind or in a folder that is not there."""
    if out.suffix not in (".npy", ".parquet"):
        raise UserError(f"{out} ends neither in .npy nor in .parquet: choose one of the two.")
    if not out.parent.is_dir():
        why = NotADirectoryError(errno.ENOTDIR, f"there is no folder {out.parent}; make it first", str(out.parent))
        raise UserError(f"{out} cannot be written: {reason(why)}.")


def write_vectors(out: Path, texts: Sequence[str], z: NDArray[np.float32]) -> None:
    """Latent vectors [N, D] as ``.npy``, or with their sentences as ``.parquet``; whole or not at all.

    Raises:
        UserError: another ending, or a place that cannot be written.
    """
    check_ending(out)
    try:
        with new_file(out) as target:
            if out.suffix == ".npy":
                np.save(target, z, allow_pickle=False)
            else:
                column = pa.FixedSizeListArray.from_arrays(pa.array(z.ravel()), z.shape[1])
                pq.write_table(pa.table({"sentence": pa.array(texts, pa.string()), "z": column}), target)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None


def _escaped(row: str) -> str:
    return "".join(c if shows(c) else "".join(f"\\u{u:04x}" for u in _units(c)) for c in row)


def _units(character: str) -> list[int]:
    code = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(code[i : i + 2], "big") for i in range(0, len(code), 2)]
