"""What runs find in sentences is found in the words that the corpus has, whatever the word rule makes of their text."""

from functools import partial
from pathlib import Path

from tests.data.treebanks import conllu

from undersong.data.prepare import prepare
from undersong.learning import EM, train
from undersong.models import HMM
from undersong.report import examples, sections
from undersong.report.evidence import Evidence
from undersong.report.html import Notice
from undersong.report.structures import structures
from undersong.report.tables import Table


def test_words_are_those_of_the_treebank(tmp_path: Path) -> None:
    parts = [(a, b, v) for a in ("dog", "cat", "bird") for b in ("dog", "cat", "bird") for v in ("sees", "hears")]
    lines = [f"the {k} {a} {v} a {b} ." for a, b, v in parts for k in ("well-known", "well - known")]
    prepare(str(conllu(tmp_path / "a.conllu", lines)), out=tmp_path / "words", splits=(0.5, 0.25, 0.25),
            show_progress=False)  # fmt: skip
    (run,) = train(
        tmp_path / "words", out=tmp_path / "hmm", model=partial(HMM, states=2, smoothing=0.0), learner=EM, epochs=1,
        device="cpu", precision="fp32", threads=1, quiet=True,
    )  # fmt: skip
    evidence = Evidence("hmm", run, (), {}, None, (), run.corpus())
    texts = examples.first([evidence], "train", 4)
    assert any("well-known" in words for words in texts.values())
    assert all(words in [line.split() for line in lines] for words in texts.values())
    (table,) = structures([evidence], texts).blocks
    assert isinstance(table, Table)
    for (text, tagged), words in zip(table.rows, texts.values(), strict=True):
        assert [each.rpartition("/")[0] for each in str(tagged.value).split()] == words, text
    impossible = {**texts, "zebra": ("zebra",)}
    (notice,) = structures([evidence], impossible).blocks
    assert isinstance(notice, Notice)
    assert "hmm is left out: sentence 5 has probability 0" in notice.text


def test_the_states_of_what_is_discrete_are_not_called_dimensions(tmp_path: Path) -> None:
    prepare(str(conllu(tmp_path / "a.conllu", ["the dog barks ."] * 4)), out=tmp_path / "words",
            splits=(1.0, 0.0, 0.0), min_words=2, show_progress=False)  # fmt: skip
    (run,) = train(
        tmp_path / "words", out=tmp_path / "hmm", model=partial(HMM, states=2), learner=EM, epochs=1,
        device="cpu", precision="fp32", threads=1, quiet=True,
    )  # fmt: skip
    table = sections.trained([Evidence("hmm", run, (), {}, None, (), run.corpus())]).blocks[0]
    assert isinstance(table, Table)
    (row,) = [row for row in table.rows if " z" in str(row[0].value)]
    assert (row[0].value, row[1].value) == ("size of z", 2)
    assert "states" in row[0].detail
