"""Of a vocabulary of pieces, what is told in words is counted in words, however a sentence was pieced together."""

import random

import numpy as np
import pytest
from tests.evaluation.toy import Told, vae

from undersong.data.prepare import prepare
from undersong.data.store import Corpus
from undersong.evaluation.agreement import Imputation
from undersong.evaluation.generation import Diversity, Lengths
from undersong.evaluation.perplexity import Fluency, Reader, in_memory
from undersong.evaluation.subject import Subject

WORDS = ["the", "cat", "dog", "sleeps", "barks", "whiteness", "house", "that", "river"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder, chosen = tmp_path_factory.mktemp("pieces"), random.Random(0)
    lines = {" ".join(chosen.choices(WORDS, k=chosen.randint(5, 12))) for _ in range(300)}
    (folder / "lines.txt").write_text("\n".join(sorted(lines)))
    return prepare(str(folder / "lines.txt"), out=folder / "corpus", bpe=True, vocabulary=280, show_progress=False)


def letters(corpus: Corpus, ids: list[int]) -> list[int]:
    """The same text, a piece for each letter."""
    place = {name: number for number, name in enumerate(corpus.tokenizer.names)}
    return [place[letter] for piece in ids for letter in corpus.tokenizer.names[piece]]


def spelled(corpus: Corpus, row: int) -> list[int]:
    """A training sentence by its letters."""
    return letters(corpus, corpus.train.ids(row).tolist())


@pytest.fixture
def subject(corpus: Corpus) -> Subject:
    """A model that writes training sentences by their letters, and one that is none."""
    told = {row: spelled(corpus, row) for row in range(3)} | {3: corpus.tokenizer.encode("cat cat")}
    assert told[0] != corpus.train.ids(0).tolist()
    return Subject(vae(corpus), corpus, samples=4, search=Told(told))


def test_lengths_are_of_words(subject: Subject, corpus: Corpus) -> None:
    found = Lengths()(subject)
    written = [*(corpus.tokenizer.decode(corpus.train.ids(row).tolist()) for row in range(3)), "cat cat"]
    assert found["length_mean"] == pytest.approx(np.mean([len(text.split()) for text in written]))
    texts = [corpus.tokenizer.decode(corpus.test.ids(row).tolist()) for row in range(len(corpus.test))]
    assert found["length_mean_data"] == pytest.approx(np.mean([len(text.split()) for text in texts]))


def test_copies_are_word_for_word(subject: Subject) -> None:
    assert Diversity()(subject)["copied"] == 0.75


def test_short_sentences_are_short_in_words(subject: Subject, corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undersong.evaluation.perplexity.kept", lambda *_: None)
    ten, eleven = (letters(corpus, corpus.tokenizer.encode(" ".join(["cat"] * count))) for count in (10, 11))
    assert len(ten) > 10
    read = Fluency(reader=Reader(hidden=2, embedding=2)).read
    assert read(subject, in_memory([ten, ten, eleven], corpus.tokenizer))["share_short"] == pytest.approx(2 / 3)


def test_words_kept_are_words(corpus: Corpus) -> None:
    rows = range(len(corpus.test))
    subject = Subject(vae(corpus), corpus, search=Told({row: corpus.test.ids(row).tolist() for row in rows}))
    texts = [corpus.tokenizer.decode(corpus.test.ids(row).tolist()) for row in rows]
    kept = Imputation(share=1.0)(subject)["imputation_words_kept"]
    assert kept == pytest.approx(np.mean([len(text.split()) for text in texts]))
