"""BLEU and ROUGE against hand-computed examples and against their libraries."""

import numpy as np
import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer

from undersong.measures.overlap import bleu, bleu_of, bleu_statistics, rouge, rouge_each

WORDS = [*"abcdefgh", "<unk>", ",", "it's", "(", "Dog"]


def corpus(seed: int, size: int = 60) -> tuple[list[list[str]], list[list[str]]]:
    random = np.random.default_rng(seed)
    references = [list(random.choice(WORDS, size=random.integers(1, 12))) for _ in range(size)]
    hypotheses = [
        [w if random.random() < 0.7 else random.choice(WORDS) for w in r][: random.integers(13)] for r in references
    ]
    return hypotheses, references


def test_bleu_by_hand():
    # 5 of 6 words and 3 of 5 bigrams match, lengths are equal.
    hypothesis, reference = ["the", "cat", "sat", "on", "a", "mat"], ["the", "cat", "sat", "on", "the", "mat"]
    assert bleu([hypothesis], [reference], order=2) == pytest.approx(100 * (5 / 6 * 3 / 5) ** 0.5)
    # A short sentence pays exp(1 - 6/3); every n-gram of it matches.
    assert bleu([reference[:3]], [reference], order=2) == pytest.approx(100 * np.exp(1 - 6 / 3))


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_bleu_from_statistics_is_sacrebleus(order, seed):
    hypotheses, references = corpus(seed, size=3 + 20 * seed)
    texts = [" ".join(h) for h in hypotheses], [[" ".join(r) for r in references]]
    library = sacrebleu.BLEU(tokenize="none", max_ngram_order=order).corpus_score(*texts).score
    statistics = bleu_statistics(hypotheses, references)  # of order 4 serves every shorter one
    assert bleu_of(statistics.sum(0), order) == pytest.approx(library, abs=1e-9)
    assert bleu(hypotheses, references, order) == pytest.approx(library, abs=1e-9)
    assert bleu_of(np.stack([statistics.sum(0)] * 3), order).shape == (3,)


@pytest.mark.parametrize(
    ("hypothesis", "reference"),
    [
        ("a b c d", "a b x y"),
        ("a x b y", "a b c d"),
        ("a b", "a b"),
        ("", "a b"),
        ("x", "a"),
        ("a b c d e", "e d c b a"),
    ],
)
def test_smoothing_and_short_sentences_are_sacrebleus(hypothesis, reference):
    library = sacrebleu.BLEU(tokenize="none").corpus_score([hypothesis], [[reference]]).score
    statistics = bleu_statistics([hypothesis.split()], [reference.split()])
    assert bleu_of(statistics[0], 4) == pytest.approx(library, abs=1e-9)


def test_rouge_by_hand_and_like_its_library():
    # bigrams: 3 of 5 and 3 of 5; F1 = 3/5. 4-grams: 1 of 3 both ways.
    hypothesis, reference = ["the", "cat", "sat", "on", "a", "mat"], ["the", "cat", "sat", "on", "the", "mat"]
    assert rouge([hypothesis], [reference], 2) == pytest.approx(60.0)
    assert rouge([hypothesis], [reference], 4) == pytest.approx(100 / 3)
    assert rouge([["a", "b"]], [["a", "b"]], 4) == 0.0  # too short to have a 4-gram
    hypotheses, references = corpus(0)
    plain = [[[w for w in s if w.isalnum() and w.islower()] for s in side] for side in (hypotheses, references)]
    library = RougeScorer(["rouge2"])
    expected = [100 * library.score(" ".join(r), " ".join(h))["rouge2"].fmeasure for h, r in zip(*plain, strict=True)]
    assert rouge_each(*plain, 2) == pytest.approx(expected)


def test_punctuation_case_and_unknown_words_count_in_rouge():
    assert rouge([["(", "Dog", "<unk>"]], [["(", "dog", "<unk>"]], 2) == 0.0
    assert rouge([["(", "dog", "<unk>"]], [["(", "dog", "<unk>"]], 2) == 100.0


def test_a_word_may_have_spaces_inside() -> None:
    """As those of treebanks do: it is one word still."""
    written, original = [["công nghiệp", "b", "c", "d"]], [["công", "nghiệp", "x", "d"]]
    plain = [["p", "b", "c", "d"]], [["q", "r", "x", "d"]]
    assert rouge(written, original) == rouge(*plain) == 0
    assert bleu(written, original, 2) == bleu(*plain, 2)
    assert bleu_statistics(written, original, 2).tolist() == bleu_statistics(*plain, 2).tolist()
    assert bleu_statistics([["new york"]], [["new york"]], 1).tolist() == [[1, 1, 1, 1]]
