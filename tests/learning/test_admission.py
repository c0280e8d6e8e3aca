"""What cannot be trained is refused before a folder is made: by its kind of annotation, or by one of its sentences."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.learning.small import WORDS, learn, make_corpus

from undersong.data.store import SPLITS, Corpus
from undersong.data.tokens import Tokenizer
from undersong.data.vectors import write_vectors
from undersong.data.writer import SplitWriter
from undersong.errors import UserError
from undersong.estimators import Marginal
from undersong.inference import Amortized, Exact, Observed, ObservedStructure
from undersong.learning import EM, GeneralizedEM, PosteriorMeans, StepwiseEM, ViterbiEM
from undersong.learning.admission import _hardest
from undersong.models import (
    DMV,
    HMM,
    PCFG,
    CompoundPCFG,
    FactorialHMM,
    GaussianHMM,
    GaussianMixture,
    MixtureOfUnigrams,
    NeuralHMM,
)
from undersong.nets import GaussianSum, MeanOfWords

Known = Mapping[str, Sequence[int]]
TINY_GRAMMAR = {"nonterminals": 2, "preterminals": 2, "size": 4}


def store(folder: Path, known: Known, shortest: Mapping[str, int] | None = None) -> Path:
    """Thirty sentences a split, the 21st of so many words, the others of five.

    Args:
        folder: to be made.
        known: annotation; of labels one for each sentence in turn, of tags or heads one for each word in turn.
        shortest: words of the 21st sentence of a split.
    """
    tokenizer = Tokenizer.of_words(WORDS)
    folder.mkdir()
    tokenizer.save(folder / "tokenizer.json")
    columns = [name for name in known if name != "labels"]
    for name in SPLITS:
        writer = SplitWriter(folder / f"{name}.arrow", len(tokenizer), "labels" in known, columns)
        for row in range(30):
            size = (shortest or {}).get(name, 5) if row == 20 else 5
            labels = np.array([known["labels"][row % len(known["labels"])]]) if "labels" in known else None
            annotation = {column: np.resize(known[column], size) for column in columns}
            writer.append(4 + (row + np.arange(size)) % 40, np.array([size]), labels, annotation or None)
        writer.close()
    info = {"hash": "annotated", "vocab_size": len(tokenizer), "labels": None, "settings": {"lowercase": True}}
    (folder / "corpus.json").write_text(json.dumps(info))
    return folder


def assert_refused(
    tmp_path: Path, known: Known, said: str, shortest: Mapping[str, int] | None = None, **changes: Any
) -> None:
    corpus = store(tmp_path / "corpus", known, shortest)
    with pytest.raises(UserError, match=said):
        learn(corpus, tmp_path / "run", **{"inference": Amortized, "epochs": 1, **changes})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "known", "lacking"),
    [
        (HMM, {"labels": [0, 1]}, "tags"),
        (HMM, {"tags": [-1]}, "tags"),
        (partial(NeuralHMM, size=4), {"heads": [2, 0]}, "tags"),
        (MixtureOfUnigrams, {"tags": [0, 1], "heads": [2, 0]}, "classes"),
        (DMV, {"tags": [0, 1]}, "heads"),
        (PCFG, {"tags": [0, 1]}, "constituents"),
        (partial(PCFG, tied=True), {"labels": [0]}, "constituents or tags"),
    ],
)
def test_annotation_that_the_model_does_not_read_cannot_be_believed(
    tmp_path: Path, model: Any, known: Known, lacking: str
) -> None:
    assert_refused(
        tmp_path, known, f"have no {lacking}, which is what Observed", model=model, inference=Observed, learner=EM
    )


def test_a_layered_model_believes_constituents_alone(tmp_path: Path) -> None:
    model = partial(CompoundPCFG, latent=2, **TINY_GRAMMAR)
    assert_refused(tmp_path, {"heads": [2, 0]}, "have no constituents", model=model, inference=ObservedStructure)


def test_annotation_that_the_model_reads_is_taken_beside_other(tmp_path: Path) -> None:
    corpus = store(tmp_path / "corpus", {"labels": [-1], "tags": [-1, 1]})
    choices = {"model": partial(HMM, states=2), "inference": Observed, "learner": EM}
    assert learn(corpus, tmp_path / "run", **choices, epochs=1).step > 0
    tied = {"model": partial(PCFG, nonterminals=2, preterminals=2, tied=True), "inference": Observed, "learner": EM}
    assert learn(corpus, tmp_path / "tied", **tied, epochs=1).step > 0


@pytest.mark.parametrize("learner", [EM, ViterbiEM, StepwiseEM, GeneralizedEM])
@pytest.mark.parametrize(
    ("model", "known", "said"),
    [
        (partial(HMM, states=2), {"tags": [0, 0, 2, 1]}, "has tag number 2, and the model only 2 states"),
        (partial(MixtureOfUnigrams, latent=2), {"labels": [0, 0, -1, 2]}, "has label number 2.* only 2 clusters"),
    ],
)
def test_more_tags_or_labels_than_states(tmp_path: Path, learner: Any, model: Any, known: Known, said: str) -> None:
    assert_refused(tmp_path, known, said, model=model, inference=Observed, learner=learner)


@pytest.mark.parametrize("split", ["train", "valid"])
@pytest.mark.parametrize("learner", ["EM", "Gradient"])
def test_a_sentence_of_one_word_wherever_it_lies(tmp_path: Path, split: str, learner: str) -> None:
    grammar = partial(PCFG, nonterminals=2, preterminals=2), {"learner": EM}
    model, more = grammar if learner == "EM" else (partial(CompoundPCFG, latent=2, **TINY_GRAMMAR), {})
    assert_refused(tmp_path, {}, "prepare the corpus with --min-words 2", {split: 1}, model=model, **more)


def test_a_learner_that_the_system_does_not_suit(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="GeneralizedEM needs an exact posterior over structures"):
        learn(corpus, tmp_path / "run", learner=GeneralizedEM)
    assert not (tmp_path / "run").exists()


def test_the_sentences_tried_are_the_shortest_and_those_of_the_largest_label_and_tag(tmp_path: Path) -> None:
    known = {"labels": [0] * 11 + [3] + [0] * 18, "tags": [0, 1, 2, 1, 0]}
    split = Corpus.open(store(tmp_path / "corpus", known, {"train": 1})).train
    assert _hardest(split) == [0, 11, 20]


def test_vectors_of_other_words_are_refused_though_they_are_as_many(tmp_path: Path) -> None:
    """Else each word would have another's vector, and nobody would know."""
    own, other = make_corpus(tmp_path / "own"), make_corpus(tmp_path / "other")
    Tokenizer.of_words(reversed(WORDS)).save(other / "tokenizer.json")
    file = write_vectors(own, out=tmp_path / "own.safetensors", size=4)
    run = learn(own, tmp_path / "run", steps=1)
    made: list[Any] = [
        partial(GaussianHMM, vectors=file, states=2),
        partial(FactorialHMM, chains=1, states=2, emission=partial(GaussianSum, vectors=file)),
        partial(GaussianMixture, latent=2, vectors=partial(MeanOfWords, file=file)),
        partial(GaussianMixture, latent=2, vectors=partial(PosteriorMeans, run=run.path)),
    ]
    for number, model in enumerate(made):
        choices = {"model": model, "inference": Exact, "estimator": Marginal(), "learner": EM, "steps": 1}
        with pytest.raises(
            UserError, match=r"is made of vectors for other words than those of .*other, though as many"
        ):
            learn(other, tmp_path / f"refused-{number}", **choices)
        assert not (tmp_path / f"refused-{number}").exists()
        learn(own, tmp_path / f"run-{number}", **choices)
