"""Corpora of induced tags belong to one state of one run, and are prepared once for it."""

from functools import partial
from pathlib import Path

from tests.data.treebanks import conllu

from undersong.data.prepare import prepare
from undersong.data.store import Corpus
from undersong.learning import EM, Run, train
from undersong.models import HMM
from undersong.reproduce.retag import retagged


def tagger(folder: Path, corpus: Path, epochs: int, states: int = 3, resume: bool = False) -> Run:
    (run,) = train(
        corpus,
        out=folder,
        model=partial(HMM, states=states),
        learner=partial(EM, tolerance=0.0),
        epochs=epochs,
        device="cpu",
        precision="fp32",
        threads=1,
        quiet=True,
        resume=resume,
    )
    return run


def test_a_corpus_is_prepared_again_when_another_state_of_a_run_made_it(tmp_path: Path) -> None:
    lines = [f"the {a} {v} a {b} ." for a in ("dog", "cat", "bird") for b in ("dog", "cat") for v in ("sees", "finds")]
    source = conllu(tmp_path / "a.conllu", lines * 2)
    prepare(str(source), out=tmp_path / "words", splits=(0.6, 0.2, 0.2), min_words=1, show_progress=False)
    run = tagger(tmp_path / "tagger", tmp_path / "words", epochs=1)
    place = tmp_path / "tags"
    assert retagged(run.path, place, 10) == place
    corpus = Corpus.open(place)
    assert set(corpus.tokenizer.tokens(range(4, corpus.vocab_size))) <= {"s0", "s1", "s2"}
    assert corpus.train.heads is not None

    stamp = (place / "corpus.json").stat().st_mtime_ns
    retagged(run.path, place, 10)
    assert (place / "corpus.json").stat().st_mtime_ns == stamp

    further = tagger(tmp_path / "tagger", tmp_path / "words", epochs=4, resume=True)
    assert further.step > run.step
    retagged(run.path, place, 10)
    assert (second := (place / "corpus.json").stat().st_mtime_ns) != stamp
    other = tagger(tmp_path / "other", tmp_path / "words", epochs=4, states=1)
    retagged(other.path, place, 10)
    assert (third := (place / "corpus.json").stat().st_mtime_ns) != second
    corpus = Corpus.open(place)
    assert corpus.tokenizer.tokens(range(4, corpus.vocab_size)) == ["s0"]
    retagged(other.path, place, 9)
    assert (place / "corpus.json").stat().st_mtime_ns != third
