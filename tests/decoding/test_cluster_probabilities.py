"""Probabilities of clusters are probabilities, however long the sentence and so however low its score."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from undersong.data.batch import Batch
from undersong.data.store import Split
from undersong.data.tokens import Tokenizer
from undersong.decoding import clustering
from undersong.decoding.structures import probabilities
from undersong.distributions import Assignment, Chain
from undersong.models import MixtureOfUnigrams


def test_they_are_shares_of_the_scores_and_add_up_to_one() -> None:
    gaps = torch.tensor([0.0, -0.7, 1.3, -torch.inf])
    for level in (0.0, -300.0, -6000.0, -90_000.0):
        scores = torch.stack([gaps.flip(0), gaps]) + level  # the rounding of scores themselves is no one's fault
        p = probabilities(Assignment(scores))
        assert p is not None
        torch.testing.assert_close(p.double(), scores.double().softmax(-1), atol=1e-7, rtol=0)


def test_a_long_sentence_is_in_some_cluster_with_probability_one() -> None:
    torch.manual_seed(0)
    model = MixtureOfUnigrams(500, 20)
    with torch.no_grad():
        p = probabilities(model.posterior(Batch.of([[7] * 9 + list(range(4, 500)) * 40])))
    assert p is not None
    assert abs(float(p.double().sum()) - 1) < 1e-6


def test_what_has_no_cluster_says_so() -> None:
    chain = Chain(torch.zeros(2), torch.zeros(2, 2), torch.zeros(1, 3, 2), torch.tensor([3]))
    assert probabilities(chain) is None


def test_a_sentence_stands_in_its_cluster_though_one_of_another_is_more_probably_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    p = np.array([[0.45, 0.55, 0.0], [0.4, 0.3, 0.3], [0.41, 0.3, 0.29], [0.1, 0.1, 0.8]])
    monkeypatch.setattr(clustering, "probabilities", lambda run, ids: p)
    run: Any = SimpleNamespace(tokenizer=Tokenizer.of_words(["a", "b", "c", "d"]))
    split = Split(np.arange(4, 8), np.arange(5), None, run.tokenizer)
    shown = {c.cluster: c.sentences for c in clustering.describe_clusters(run, split)}
    assert shown == {0: ("c", "b"), 1: ("a",), 2: ("d",)}
