"""Sentences that a model holds for impossible: they are counted and said, and no difference is made of them."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from tests.evaluation.toy import toy_corpus
from tests.models.every import system_of

from undersong.data.store import Corpus
from undersong.evaluation.command import table
from undersong.evaluation.judgement import judge
from undersong.evaluation.pairs import compare_reconstructions, sentence_scores
from undersong.evaluation.rows import write_rows
from undersong.evaluation.subject import Subject
from undersong.learning import System

UNSEEN = 15


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return toy_corpus(tmp_path, train=20, test=20)


def unsmoothed(folder: Path) -> System:
    """A mixture that never saw one of the words."""
    system = system_of("MixtureOfUnigrams", folder)
    with torch.no_grad():
        system.model.words.logits[UNSEEN] = -torch.inf
    return system


def holding(corpus: Corpus) -> list[bool]:
    """Which of the sentences hold that word."""
    return [UNSEEN in corpus.test.ids(row) for row in range(len(corpus.test))]


def test_they_are_counted_and_said(corpus: Corpus, tmp_path: Path) -> None:
    figures = judge(unsmoothed(tmp_path), corpus.test).figures
    assert figures["impossible_sentences"] == sum(holding(corpus)) > 0
    assert figures["elbo"] is figures["nll_exact"] is figures["ppl_exact"] is None
    json.dumps(figures, allow_nan=False)
    facts = {"split": "test", "event": "words", "step": 10, "precision": "fp32"}
    said = Console(file=io.StringIO(), width=200)
    said.print(table({**figures, **facts}))
    assert re.search(rf"sentences of probability 0\W+{sum(holding(corpus))}\W+log p\(x\) is -inf", said.file.getvalue())
    seen = judge(system_of("MixtureOfUnigrams", tmp_path), corpus.test).figures
    assert seen["impossible_sentences"] == 0
    assert judge(system_of("VAE", tmp_path), corpus.test, 1, 1).figures["impossible_sentences"] is None


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_they_have_rows_without_figures(corpus: Corpus, tmp_path: Path, ending: str) -> None:
    system = unsmoothed(tmp_path)
    path = tmp_path / f"rows{ending}"
    write_rows(path, judge(system, corpus.test), corpus.test, system)
    lines = path.read_text().splitlines()
    rows = list(csv.DictReader(lines)) if ending == ".csv" else [json.loads(line) for line in lines]
    assert [row["nll_is"] in (None, "") for row in rows] == holding(corpus)
    assert all(float(row["nll_is"]) == -float(row["elbo"]) for row in rows if row["elbo"] not in (None, ""))


def test_no_difference_is_made_of_them(corpus: Corpus, tmp_path: Path) -> None:
    scores = [
        sentence_scores(Subject(system, corpus))
        for system in (unsmoothed(tmp_path), system_of("MixtureOfUnigrams", tmp_path))
    ]
    assert np.isneginf(scores[0]["elbo"]).tolist() == holding(corpus)
    assert "elbo" not in compare_reconstructions(*scores, resamples=20)
    assert compare_reconstructions(scores[1], scores[1], resamples=20)["elbo"].p == 1
