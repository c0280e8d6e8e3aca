"""A measure that could answer nothing, or only nonsense, is refused before any work."""

from collections.abc import Callable

import pytest

from undersong.errors import UserError
from undersong.evaluation.agreement import Imputation
from undersong.evaluation.classification import Classification, Robustness
from undersong.evaluation.code_clusters import CodeClusters
from undersong.evaluation.generation import Diversity, Smoothness
from undersong.evaluation.judge import JudgeTraining
from undersong.evaluation.perplexity import Fluency, Perplexity, Reader
from undersong.evaluation.probe import ProbeTraining
from undersong.evaluation.rates import Rates
from undersong.evaluation.subject import Subject

from .toy import toy_corpus, vae


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Smoothness(steps=1), "steps is 1: it must be at least 2"),
        (lambda: Smoothness(pairs=0), "pairs is 0: it must be at least 1"),
        (lambda: Diversity(self_bleu_samples=1), "self_bleu_samples is 1: it must be at least 2"),
        (lambda: Rates(sentences=0), "sentences is 0"),
        (lambda: CodeClusters(clusters=0), "clusters is 0"),
        (lambda: Imputation(share=1.5), "share is 1.5: it must be a share, from 0 to 1"),
        (lambda: Imputation(sentences=0), "sentences is 0"),
        (lambda: Robustness(deleted=-0.3), "deleted is -0.3"),
        (lambda: Robustness(sentences=0), "sentences is 0"),
        (lambda: Classification((6, 0)), "a count of labels is 0"),
        (lambda: ProbeTraining(copies=0), "copies is 0"),
        (lambda: JudgeTraining(epochs=0), "epochs is 0"),
        (lambda: Reader(batch=0), "batch is 0"),
        (lambda: Fluency(samples=0), "samples is 0"),
        (lambda: Perplexity(samples=-1), "samples is -1"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        make()


def test_a_subject_without_sentences_or_samples_is_refused(tmp_path) -> None:
    corpus = toy_corpus(tmp_path)
    for setting in ("sentences", "samples"):
        with pytest.raises(UserError, match=f"{setting} is 0"):
            Subject(vae(corpus), corpus, **{setting: 0})


def test_all_is_asked_for_by_none() -> None:
    assert Rates(sentences=None).sentences is None
    assert Classification((), sentences=None).counts == ()
