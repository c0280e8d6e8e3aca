"""BLEU and ROUGE of written sentences against original ones, and BLEU's sufficient statistics for resampling.

    BLEU-N = 100 min(1, exp(1 - r/c)) (prod_{n<=N} correct_n / total_n)^(1/N)   (Papineni et al. 2002)
    ROUGE-n = 100 mean over sentences of the F1 of n-gram precision and recall   (Lin 2004)

Words are compared as they stand, also those with spaces inside: the libraries are given numbers of words, at which
``sacrebleu`` is told not to tokenise, and ``rouge-score``'s own tokenizer is replaced by one that splits at spaces. An
unknown word matches an unknown word, as in the papers. Knows nothing of models: a sentence is a sequence of words.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer
from sacrebleu.metrics.bleu import BLEU

from undersong.measures.some import need_some

Words = Sequence[str]
SMOOTHING = "exp"  # sacrebleu's default: an order with no match counts 1/2, 1/4, ... of a match


def bleu_statistics(hypotheses: Sequence[Words], references: Sequence[Words], order: int = 4) -> NDArray[np.int64]:
    """What BLEU needs of each sentence; BLEU of any set of sentences is a function of the sum of their rows.

    Args:
        hypotheses: N written sentences.
        references: N original sentences.
        order: longest n-gram.

    Returns:
        [N, 2 + 2 * order]: words written, words of the original, matches of each order, n-grams of each order.
    """
    metric = BLEU(tokenize="none", smooth_method=SMOOTHING, max_ngram_order=order, effective_order=True)
    rows = np.zeros((len(hypotheses), 2 + 2 * order), dtype=np.int64)
    for row, (hypothesis, reference) in enumerate(zip(hypotheses, references, strict=True)):
        written, original = _numbered([hypothesis, reference])
        score = metric.sentence_score(written, [original])
        rows[row] = [score.sys_len, score.ref_len, *score.counts, *score.totals]
    return rows


def bleu_of(statistics: NDArray[np.int64], order: int) -> NDArray[np.float64]:
    """Corpus BLEU, 0 to 100, from summed statistics.

    Args:
        statistics: [..., 2 + 2 * M] for M >= order.
        order: longest n-gram counted; the statistics may hold longer ones.

    Returns:
        [...]
    """
    sums = np.asarray(statistics, dtype=np.float64)
    longest = sums.shape[-1] // 2 - 1
    written, original = sums[..., 0], sums[..., 1]
    correct, total = sums[..., 2 : 2 + order], sums[..., 2 + longest : 2 + longest + order]
    halvings = np.cumsum(correct == 0, axis=-1) * (correct == 0)
    numerator = np.where(correct == 0, 0.5**halvings, correct)
    logs = np.log(numerator / np.maximum(total, 1)).mean(-1)
    brevity = np.minimum(0.0, 1 - original / np.maximum(written, 1))
    defined = (correct.sum(-1) > 0) & (total > 0).all(-1)
    return np.where(defined, 100 * np.exp(brevity + logs), 0.0)


def bleu(hypotheses: Sequence[Words], references: Sequence[Words], order: int = 4) -> float:
    """Corpus BLEU, 0 to 100, with sacrebleu's exponential smoothing.

    Raises:
        ValueError: there is no sentence.

    >>> round(bleu([["a", "b", "c"]], [["a", "b", "d"]], order=2), 2)  # sqrt(2/3 * 1/2)
    57.74
    """
    need_some(sentences=len(hypotheses))
    metric = BLEU(tokenize="none", smooth_method=SMOOTHING, max_ngram_order=order)
    texts = _numbered([*hypotheses, *references])
    return float(metric.corpus_score(texts[: len(hypotheses)], [texts[len(hypotheses) :]]).score)


def _numbered(sentences: Sequence[Words]) -> list[str]:
    """Sentences with a number for each word, equal where words are, parted by spaces."""
    numbers: dict[str, int] = {}
    return [" ".join(str(numbers.setdefault(word, len(numbers))) for word in sentence) for sentence in sentences]


class _AtSpaces(Tokenizer):
    def tokenize(self, text: str) -> list[str]:
        return text.split()


def rouge_each(hypotheses: Sequence[Words], references: Sequence[Words], order: int = 2) -> NDArray[np.float64]:
    """ROUGE-n F1 of each sentence, 0 to 100: [N]. An original of fewer than ``order`` words scores 0."""
    name = f"rouge{order}"
    scorer = RougeScorer([name], tokenizer=_AtSpaces())
    pairs = (_numbered(pair) for pair in zip(hypotheses, references, strict=True))
    return np.array([100 * scorer.score(original, written)[name].fmeasure for written, original in pairs])


def rouge(hypotheses: Sequence[Words], references: Sequence[Words], order: int = 2) -> float:
    """Mean ROUGE-n F1, 0 to 100.

    Raises:
        ValueError: there is no sentence.

    >>> rouge([["a", "b", "c"]], [["a", "b", "d"]])
    50.0
    """
    need_some(sentences=len(hypotheses))
    return float(rouge_each(hypotheses, references, order).mean())
