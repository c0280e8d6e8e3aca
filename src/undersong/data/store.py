"""The prepared corpus: one Arrow file a split, memory-mapped, beside ``corpus.json`` and ``tokenizer.json``.

A split is a single Arrow record batch with a column ``words`` (large_list of word ids, without start or end) and, where
the corpus has classes, a column ``label`` (int32, -1 where unknown). A treebank has further lists of int32: ``tags``
and ``heads`` (one of each a word, -1 where unknown) and ``spans`` (three numbers a constituent: first word, word after
the last, label). A single batch means that all the words of a split are one flat array, so that any sentence is a slice
of it, and opening reads the file's footer only.

Knows nothing of sources or training; ``writer`` makes these files.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from undersong.data.batch import PAD, Batch
from undersong.data.tokens import Tokenizer
from undersong.errors import UserError
from undersong.files import read_object

SPLITS = ("train", "valid", "test")
ANNOTATIONS = ("tags", "heads", "spans")
DERIVED = "kept"  # a folder beside the splits, of what others made from the corpus and can make again


class Split:
    """The sentences of one split.

    Attributes:
        flat: the words of all sentences, end to end: uint16 or uint32 [number of words].
        offsets: where each sentence starts in ``flat``, and the end of the last: int64 [sentences + 1].
        labels: class of each sentence, -1 where unknown: int32 [sentences], or None for an unlabelled corpus.
        tags, heads: gold tag and head of each word of ``flat``, -1 where unknown: int32 [number of words], or None.
        spans: gold constituents of all sentences, end to end: int32 [3 * number of constituents], or None.
        span_offsets: where the numbers of each sentence start in ``spans``: int64 [sentences + 1], or None.
    """

    def __init__(
        self,
        flat: NDArray[Any],
        offsets: NDArray[np.int64],
        labels: NDArray[np.int32] | None,
        tokenizer: Tokenizer,
        annotation: Mapping[str, pa.LargeListArray] | None = None,
    ) -> None:
        self.flat, self.offsets, self.labels, self.tokenizer = flat, offsets, labels, tokenizer
        values = {name: column.values.to_numpy() for name, column in (annotation or {}).items()}
        self.tags, self.heads, self.spans = (values.get(name) for name in ANNOTATIONS)
        self.span_offsets = annotation["spans"].offsets.to_numpy() if annotation and "spans" in annotation else None

    @staticmethod
    def open(path: Path, tokenizer: Tokenizer) -> "Split":
        """Map a split's file; nothing but its footer is read."""
        try:
            batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(f"{path} is damaged or missing ({error}): prepare the corpus again.") from None
        words = batch.column("words")
        labels = batch.column("label").to_numpy() if "label" in batch.schema.names else None
        annotation = {name: batch.column(name) for name in ANNOTATIONS if name in batch.schema.names}
        return Split(words.values.to_numpy(), words.offsets.to_numpy(), labels, tokenizer, annotation)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def annotated(self) -> bool:
        """Whether anything is known of sentences beside their words."""
        return any(values is not None for values in (self.labels, self.tags, self.heads, self.spans))

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """Words of each sentence: int32 [sentences]."""
        return np.diff(self.offsets).astype(np.int32)

    def ids(self, row: int) -> NDArray[Any]:
        """Word ids of one sentence."""
        return self.flat[self.offsets[row] : self.offsets[row + 1]]

    def words(self, row: int) -> list[str]:
        """Words (or word pieces) of one sentence."""
        return self.tokenizer.tokens(self.ids(row).tolist())

    def batch(self, rows: Sequence[int] | NDArray[np.integer]) -> Batch:
        """Some sentences, padded to the longest of them.

        Args:
            rows: row numbers in this split, in the order wanted.
        """
        index = np.asarray(rows, dtype=np.int64)
        starts = self.offsets[index]
        lengths = self.offsets[index + 1] - starts  # [B]
        place = np.arange(int(lengths.max(initial=0)))  # [T]
        inside = place < lengths[:, None]  # [B, T]
        taken = (starts[:, None] + place)[inside]

        def padded(values: NDArray[Any], padding: int) -> Tensor:
            out = np.full(inside.shape, padding, dtype=np.int64)
            out[inside] = values[taken]
            return torch.from_numpy(out)

        return Batch(
            padded(self.flat, PAD),
            torch.from_numpy(lengths),
            torch.from_numpy(index),
            labels=None if self.labels is None else torch.from_numpy(self.labels[index].astype(np.int64)),
            tags=None if self.tags is None else padded(self.tags, -1),
            heads=None if self.heads is None else padded(self.heads, -1),
            spans=self._spans(index),
        )

    def _spans(self, index: NDArray[np.int64]) -> Tensor | None:
        """Constituents of some sentences: [B, S, 3]."""
        if self.spans is None or self.span_offsets is None:
            return None
        starts = self.span_offsets[index]
        sizes = self.span_offsets[index + 1] - starts  # [B]
        place = np.arange(int(sizes.max(initial=0)))
        inside = place < sizes[:, None]
        out = np.full(inside.shape, -1, dtype=np.int64)
        out[inside] = self.spans[(starts[:, None] + place)[inside]]
        return torch.from_numpy(out.reshape(len(index), -1, 3) if len(index) else out.reshape(0, 0, 3))


class Corpus:
    """A prepared corpus: its three splits, its tokenizer and what is known of it.

    Attributes:
        info: the content of ``corpus.json``: counts, coverage, what was skipped and why, settings, content hash.
    """

    def __init__(self, folder: Path, info: dict[str, Any]) -> None:
        self.folder, self.info = folder, info

    @staticmethod
    def open(folder: str | Path) -> "Corpus":
        """Open a folder written by ``undersong prepare``; takes milliseconds whatever its size.

        Raises:
            UserError: the folder holds no prepared corpus.
        """
        folder = Path(folder)
        try:
            info = read_object(folder / "corpus.json", "hash", "vocab_size", "labels", "settings")
        except OSError:
            raise UserError(
                f"{folder} holds no prepared corpus (no corpus.json): make one with "
                f"`undersong prepare SOURCE --out {folder}`."
            ) from None
        except ValueError as error:
            raise UserError(f"{folder / 'corpus.json'} is damaged ({error}): prepare the corpus again.") from None
        return Corpus(folder, info)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Turns text into word ids and back."""
        return Tokenizer.load(self.folder / "tokenizer.json", lowercase=self.info["settings"]["lowercase"])

    @cached_property
    def train(self) -> Split:
        """The training split."""
        return Split.open(self.folder / "train.arrow", self.tokenizer)

    @cached_property
    def valid(self) -> Split:
        """The validation split: every choice is made on it."""
        return Split.open(self.folder / "valid.arrow", self.tokenizer)

    @cached_property
    def test(self) -> Split:
        """The test split: for the end."""
        return Split.open(self.folder / "test.arrow", self.tokenizer)

    @property
    def vocab_size(self) -> int:
        """Number of words or pieces, the four special ones included."""
        return int(self.info["vocab_size"])

    @property
    def label_names(self) -> list[str] | None:
        """Name of each class, or None for an unlabelled corpus."""
        return self.info["labels"]

    @property
    def tag_names(self) -> list[str] | None:
        """Name of each gold tag, or None for a corpus without."""
        return self.info.get("tag_names")

    @property
    def span_names(self) -> list[str] | None:
        """Label of each kind of constituent, or None for a corpus without trees."""
        return self.info.get("span_names")

    @property
    def hash(self) -> str:
        """Hash of the content: depends on data and settings, not on machine or time."""
        return str(self.info["hash"])
