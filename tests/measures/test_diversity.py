"""Distinct n-grams, self-BLEU and copies, by hand and against sacrebleu."""

import numpy as np
import pytest
import sacrebleu

from undersong.measures.diversity import copied, distinct, fingerprint, self_bleu


def test_distinct_by_hand():
    sentences = [["a", "b", "a"], ["a", "b"]]
    assert distinct(sentences, 1) == pytest.approx(2 / 5)
    assert distinct(sentences, 2) == pytest.approx(2 / 3)
    assert distinct([["a"]], 2) is None


@pytest.mark.parametrize("order", [2, 4])
def test_self_bleu_is_sacrebleus_with_all_others_as_references(order):
    random = np.random.default_rng(order)
    sentences = [list(random.choice(list("abcde"), size=random.integers(1, 10))) for _ in range(25)]
    texts = [" ".join(s) for s in sentences]
    others = [[t for j, t in enumerate(texts) if j != i] for i in range(len(texts))]
    streams = [list(stream) for stream in zip(*others, strict=True)]
    library = sacrebleu.BLEU(tokenize="none", max_ngram_order=order).corpus_score(texts, streams).score
    assert self_bleu(sentences, order) == pytest.approx(library, abs=1e-9)


def test_self_bleu_at_its_ends():
    assert self_bleu([list("abcde")] * 3) == pytest.approx(100.0)
    assert self_bleu([list("abcde"), list("fghij")]) == 0.0
    assert self_bleu([list("abcde")]) is None


def test_copies_are_found():
    known = {fingerprint(["a", "b"]), fingerprint(("c",))}
    assert copied([["a", "b"], ["b", "a"], ["c"], []], known) == 0.5
