"""Do samples differ from one another and from the training text?

    distinct-n = different n-grams / n-grams   (Li et al. 2016)
    self-BLEU  = BLEU of each sample with all the others as its references   (Zhu et al. 2018)

Knows nothing of models: a sentence is a sequence of words.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from undersong.measures.overlap import Words, bleu_of


def distinct(sentences: Iterable[Words], n: int) -> float | None:
    """Share of different n-grams among all n-grams; None where there is none.

    >>> distinct([["a", "b"], ["a", "b"]], 1)
    0.5
    """
    counts = Counter(gram for sentence in sentences for gram in _grams(sentence, n))
    return len(counts) / counts.total() if counts else None


def self_bleu(sentences: Sequence[Words], order: int = 4) -> float | None:
    """Corpus BLEU, 0 to 100, of each sentence against all the others; None for fewer than two sentences.

    An n-gram's count is clipped by its highest count in one other sentence, so the two highest counts of every n-gram
    answer for all sentences at once: the cost is that of one pass, not one a pair.
    """
    if len(sentences) < 2:
        return None
    each = [Counter(g for n in range(1, order + 1) for g in _grams(s, n)) for s in sentences]
    highest: dict[tuple[str, ...], tuple[int, int, int]] = {}  # count, owner, second count
    for owner, counts in enumerate(each):
        for gram, count in counts.items():
            best, holder, second = highest.get(gram, (0, -1, 0))
            highest[gram] = (count, owner, best) if count > best else (best, holder, max(second, count))
    lengths = sorted(len(s) for s in sentences)
    sums = np.zeros(2 + 2 * order, dtype=np.int64)
    for owner, counts in enumerate(each):
        length = len(sentences[owner])
        sums[:2] += (length, _closest_other(lengths, length))
        for gram, count in counts.items():
            best, holder, second = highest[gram]
            sums[1 + len(gram)] += min(count, second if holder == owner else best)
            sums[1 + order + len(gram)] += count
    return float(bleu_of(sums, order))


def copied(sentences: Iterable[Sequence[Hashable]], known: set[int]) -> float:
    """Share of sentences whose fingerprint is among those of the training split (see ``fingerprint``)."""
    found = [fingerprint(sentence) in known for sentence in sentences]
    return sum(found) / max(len(found), 1)


def fingerprint(sentence: Sequence[Hashable]) -> int:
    """A number for a sentence, equal for equal words; valid inside one process only."""
    return hash(tuple(sentence))


def _grams(sentence: Words, n: int) -> Iterable[tuple[str, ...]]:
    return (tuple(sentence[i : i + n]) for i in range(len(sentence) - n + 1))


def _closest_other(lengths: list[int], own: int) -> int:
    """The length nearest to ``own`` (the shorter of two) once one sentence of that length is taken out."""
    place = bisect_left(lengths, own)
    before = lengths[place - 1] if place > 0 else None
    after = lengths[place + 1] if place + 1 < len(lengths) else None
    others = [length for length in (before, after) if length is not None]
    return min(others, key=lambda length: (abs(length - own), length))
