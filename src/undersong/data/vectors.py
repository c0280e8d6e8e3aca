"""Word vectors from the corpus itself: which words stand beside which, factorised.

    M_wc = max(0, log #(w,c) N / (#(w) #'(c)) - log shift),   M = U S V^T,   vector of w = U_w sqrt(S)

the truncated singular value decomposition of shifted positive pointwise mutual information (Levy and Goldberg 2014,
with context distribution smoothing, Levy et al. 2015: #'(c) ~ #(c)^0.75). A context is a neighbour *and where it
stands* (Ling et al. 2015), the sentence's edges included, because it is order that tells a word's class. Only the
training split is read. Knows nothing of models.
"""

import json
import sys
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from scipy.sparse import csr_matrix

from undersong.data.batch import BOS, EOS, PAD
from undersong.data.store import Corpus, Split
from undersong.errors import UserError
from undersong.files import write_atomically
from undersong.settings import lowest_bits, need, need_above, need_finite

CHUNK = 1_000_000  # words looked at together


class WordVectors(NamedTuple):
    """What a file of word vectors holds.

    Attributes:
        vectors: float32 [V, D]; nought for a word that the training split does not hold.
        counts: how often the training split holds each word: int64 [V].
        vocabulary: the mark of the ``Tokenizer`` whose words they are; None where the file does not tell.
    """

    vectors: NDArray[np.float32]
    counts: NDArray[np.int64]
    vocabulary: str | None = None

    @property
    def mark(self) -> str:
        """What tells these vectors from others: densities of different vectors do not compare."""
        return f"{sha256(self.vectors.tobytes()).hexdigest()[:8]} of {self.vectors.shape[1]} numbers"


def write_vectors(
    corpus: Path, *, out: Path, size: int = 50, window: int = 1, shift: float = 1.0, seed: int = 0
) -> Path:
    """Train word vectors on a corpus, for models that emit vectors (``GaussianHMM``).

    Args:
        corpus: a folder written by ``undersong prepare``.
        out: the file to write, ``.safetensors``; an older one is replaced.
        size: D, numbers a word; less than the vocabulary.
        window: how far a neighbour may stand. One gives vectors of word classes, larger windows vectors of topics.
        shift: above 1, only pairs that are more than so many times as frequent as chance count (word2vec's number of
            negative samples).
        seed: of the decomposition's random start; any integer.

    Returns:
        ``out``, of which a line on standard error says how much it holds.

    Raises:
        UserError: the corpus cannot be used, a setting makes no sense, or the file has another ending.
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise UserError(f"{out} does not end in .safetensors: an older file there would be replaced, so name it thus.")
    opened = Corpus.open(corpus)
    vocab = opened.vocab_size
    if not 1 <= size < vocab:
        raise UserError(
            f"--size {size}: give a whole number from 1 to {vocab - 1}, below the vocabulary's {vocab} words."
        )
    need(1, window=window)
    need_above(0, shift=shift)
    need_finite(shift=shift)
    found = vectors_of(opened.train, vocab, size, window, shift, seed)
    about = {
        "corpus": opened.hash,
        "vocabulary": opened.tokenizer.mark,
        "size": size,
        "window": window,
        "shift": shift,
        "seed": seed,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, NDArray[Any]] = {"vectors": found.vectors, "counts": found.counts}
    write_atomically(out, save(tensors, metadata={"about": json.dumps(about)}))
    print(f"{out}: {vocab:,} words, {size} dimensions", file=sys.stderr)
    return out


def vectors_of(
    split: Split, vocab: int, size: int = 50, window: int = 1, shift: float = 1.0, seed: int = 0
) -> WordVectors:
    """Word vectors of a split; scaled so that over its words a vector's mean square is one a dimension."""
    from sklearn.utils.extmath import randomized_svd  # here, because it is slow to import

    pairs, counts = _neighbours(split, vocab, window)
    u, s, _ = randomized_svd(_mutual_information(pairs, shift), size, n_iter=4, random_state=lowest_bits(seed, 32))
    vectors = np.where(counts[:, None] > 0, u * np.sqrt(s), 0.0)
    spread = (counts[:, None] * vectors**2).sum() / max(1, counts.sum() * size)
    return WordVectors((vectors / np.sqrt(spread or 1.0)).astype(np.float32), counts)


def read_vectors(path: Path, vocab: int) -> WordVectors:
    """The word vectors in a file.

    Args:
        path: written by ``write_vectors``.
        vocab: V, which the file must agree with.

    Raises:
        UserError: no such file, not such a file, or vectors of another vocabulary.
    """
    make = f"`undersong vectors CORPUS --out {path}`"
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            found = WordVectors(file.get_tensor("vectors"), file.get_tensor("counts"), about.get("vocabulary"))
    except OSError:
        raise UserError(
            f"{path} holds no word vectors, or is not there: make them with {make}, or name another file (`undersong "
            "train --model.help MODEL` tells with which option)."
        ) from None
    except (SafetensorError, ValueError) as error:
        raise UserError(f"{path} is no file of word vectors ({error}): make one with {make}.") from None
    if len(found.vectors) != vocab:
        raise UserError(
            f"{path} has vectors of {len(found.vectors)} words and the corpus {vocab}: make them from this corpus with "
            f"{make}."
        )
    return found


def _neighbours(split: Split, vocab: int, window: int) -> tuple[csr_matrix, NDArray[np.int64]]:
    """How often each word has each neighbour at each place [V, 2 window V], and how often it stands at all [V]."""
    places = [d for d in range(-window, window + 1) if d]
    total: Any = csr_matrix((vocab, len(places) * vocab))
    counts = np.zeros(vocab, np.int64)
    for rows in _chunks(split):
        words, here = _with_edges(split, rows, window)
        counts += np.bincount(words[here], minlength=vocab)
        for column, d in enumerate(places):
            beside = words[here + d]
            there = beside != PAD
            index = (words[here][there], beside[there].astype(np.int64) + column * vocab)
            total = total + csr_matrix((np.ones(len(index[0])), index), shape=total.shape)
    return total, counts


def _chunks(split: Split) -> list[range]:
    """Sentences by and by, ``CHUNK`` words at a time."""
    wanted = np.arange(0, int(split.offsets[-1]), CHUNK)
    cuts = np.unique(np.append(np.searchsorted(split.offsets[:-1], wanted), len(split)))
    return [range(int(a), int(b)) for a, b in pairwise(cuts)]


def _with_edges(split: Split, rows: range, window: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The words of some sentences, each between a start, an end and padding; and where its own words are in that."""
    offsets = split.offsets[rows.start : rows.stop + 1] - split.offsets[rows.start]
    lengths = np.diff(offsets)
    gap = 2 * window
    starts = offsets[:-1] + gap * np.arange(len(lengths)) + window
    here = np.arange(int(offsets[-1])) + np.repeat(starts - offsets[:-1], lengths)
    words = np.full(int(offsets[-1]) + gap * len(lengths), PAD, np.int64)
    words[here] = split.flat[split.offsets[rows.start] : split.offsets[rows.stop]]
    words[starts - 1], words[starts + lengths] = BOS, EOS
    return words, here


def _mutual_information(pairs: csr_matrix, shift: float) -> csr_matrix:
    """Shifted positive pointwise mutual information of counts [V, C], sparse."""
    words = np.asarray(pairs.sum(1))[:, 0]
    contexts = np.asarray(pairs.sum(0))[0] ** 0.75
    found = pairs.tocoo()
    information = np.log(found.data * contexts.sum() / (words[found.row] * contexts[found.col])) - np.log(shift)
    return csr_matrix((np.maximum(information, 0.0), (found.row, found.col)), shape=pairs.shape)
