"""What `prepare` promises: splits, vocabulary, counts, hash, and nothing left behind."""

import errno
import json
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.data.conftest import sentences

from undersong.data.counting import WordCounts
from undersong.data.prepare import prepare
from undersong.data.store import DERIVED, Corpus
from undersong.data.tokens import Tokenizer, dump
from undersong.data.words import words
from undersong.data.writer import SplitWriter
from undersong.errors import UserError

WRITTEN = ["corpus.json", "test.arrow", "tokenizer.json", "train.arrow", "valid.arrow"]


def texts(corpus: Corpus) -> list[list[str]]:
    """The sentences of each split, in order."""
    return [[" ".join(s.words(i)) for i in range(len(s))] for s in (corpus.train, corpus.valid, corpus.test)]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_sentence_is_in_one_split_in_order(corpus_file: Path, tmp_path: Path) -> None:
    corpus = prepare(str(corpus_file), out=tmp_path / "out")
    found = texts(corpus)
    assert sorted(line for split in found for line in split) == sorted(sentences(1000))
    for split in found:
        assert split == [line for line in sentences(1000) if line in set(split)]
    shares = [len(split) / 1000 for split in found]
    # Standard errors of these shares are below 1%.
    assert np.allclose(shares, [0.9, 0.05, 0.05], atol=0.04)


@pytest.mark.parametrize("lowercase", [True, False])
def test_duplicates_never_cross_splits_whatever_their_case_and_spaces(lowercase: bool, tmp_path: Path) -> None:
    lines = [form for line in sentences(300) for form in (line, line.upper(), f"  {line.replace(' ', '   ')}\t")]
    corpus = prepare(str(write(tmp_path / "a.txt", lines)), out=tmp_path / "out", lowercase=lowercase)
    found = [[text.lower() for text in split] for split in texts(corpus)]
    sets = [set(split) for split in found]
    assert all(sets)
    assert len(set.union(*sets)) == sum(map(len, sets))
    assert all(count == 3 for split in found for count in Counter(split).values())


def test_splits_do_not_depend_on_order(tmp_path: Path) -> None:
    lines = sentences(500)
    shuffled = random.Random(0).sample(lines, len(lines))
    one = prepare(str(write(tmp_path / "a.txt", lines)), out=tmp_path / "one")
    two = prepare(str(write(tmp_path / "b.txt", shuffled)), out=tmp_path / "two")
    assert [set(s) for s in texts(one)] == [set(s) for s in texts(two)]
    assert one.tokenizer.vocab == two.tokenizer.vocab
    assert one.hash != two.hash


def test_split_of_a_sentence_never_changes(tmp_path: Path) -> None:
    """Known answers: a new version of a library must not move sentences from test to train."""
    found = texts(prepare(str(write(tmp_path / "a.txt", sentences(200))), out=tmp_path / "out"))
    rows = {line: i for i, line in enumerate(sentences(200))}
    assert [rows[line] for line in found[1]] == KNOWN_VALID
    assert [rows[line] for line in found[2]] == KNOWN_TEST


# By xxh64 of the joined words, computed with another library.
KNOWN_VALID = [50, 114, 150, 162]
KNOWN_TEST = [8, 20, 27, 44, 66, 81, 94, 140]


def test_vocabulary_is_of_train_only_most_common_first_ties_by_code_point(tmp_path: Path) -> None:
    lines = ["zeta alpha \u00e9t\u00e9 \U0001f600 \uffee beta"] * 2 + ["common common common zeta other word"]
    corpus = prepare(str(write(tmp_path / "a.txt", lines)), out=tmp_path / "out", splits=(1, 0, 0))
    assert corpus.tokenizer.names[4:] == [
        "common", "zeta", "alpha", "beta", "\u00e9t\u00e9", "\uffee", "\U0001f600", "other", "word",
    ]  # fmt: skip
    unique = [f"{line} n{i}" for i, line in enumerate(sentences(400))]
    big = prepare(str(write(tmp_path / "b.txt", unique)), out=tmp_path / "big")
    assert set(big.tokenizer.names[4:]) == {word for line in texts(big)[0] for word in line.split()} - {"<unk>"}
    assert all("<unk>" in line for line in texts(big)[1])


def test_vocabulary_size_unknown_words_and_coverage(corpus_file: Path, tmp_path: Path) -> None:
    corpus = prepare(str(corpus_file), out=tmp_path / "out", vocabulary=14)
    assert corpus.vocab_size == len(corpus.tokenizer) == 14
    counts = corpus.info["splits"]["train"]
    assert counts["tokens"] == 6 * counts["sentences"] == len(corpus.train.flat)
    assert counts["unknown"] == int((corpus.train.flat == 1).sum()) > 0
    assert counts["coverage"] == pytest.approx(1 - counts["unknown"] / counts["tokens"])
    best = corpus.tokenizer.names[4]
    assert corpus.tokenizer.marked(f"{best.upper()} xylophone") == [best, "<unk:xylophone>"]


def test_length_bounds_and_reasons(tmp_path: Path) -> None:
    lines = ["a b c", "a b c d", "", "a b c d e", "   ", "a b"]
    corpus = prepare(
        str(write(tmp_path / "a.txt", lines)), out=tmp_path / "o", min_words=3, max_words=4, splits=(1, 0, 0)
    )
    assert texts(corpus)[0] == ["a b c", "a b c d"]
    assert corpus.info["skipped"] == {"fewer than 3 words": 1, "more than 4 words": 1, "no words": 2}


def test_one_line_says_what_was_prepared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["a b c d e", "a b c d f", "too short", "g", ""]
    source = str(write(tmp_path / "a.txt", lines))
    prepare(source, out=tmp_path / "out", splits=(1, 0, 0), vocabulary=9)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "2 train, 0 valid, 0 test sentences; 9 vocabulary entries cover 90.00% of words; "
        "3 skipped (2 fewer than 5 words; 1 no words)\n"
    )
    prepare(source, out=tmp_path / "quiet", splits=(1, 0, 0), show_progress=False)
    assert capsys.readouterr().err == ""


def test_case_is_kept_if_asked(tmp_path: Path) -> None:
    corpus = prepare(
        str(write(tmp_path / "a.txt", ["The Dog"])), out=tmp_path / "o", min_words=1, splits=(1, 0, 0), lowercase=False
    )
    assert texts(corpus)[0] == ["The Dog"]
    assert corpus.tokenizer.encode("the Dog") == [1, corpus.tokenizer.vocab["Dog"]]


def test_hash_depends_on_content_and_settings_only(corpus_file: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_bytes(corpus_file.read_bytes())
    one = prepare(str(corpus_file), out=tmp_path / "1").hash
    assert prepare(str(elsewhere), out=tmp_path / "2").hash == one
    assert prepare(str(corpus_file), out=tmp_path / "3", vocabulary=50).hash != one
    assert prepare(str(corpus_file), out=tmp_path / "4", max_words=29).hash != one


def test_byte_pairs_know_every_text(corpus_file: Path, tmp_path: Path) -> None:
    corpus = prepare(str(corpus_file), out=tmp_path / "out", bpe=True, vocabulary=400)
    again = prepare(str(corpus_file), out=tmp_path / "again", bpe=True, vocabulary=400)
    assert corpus.hash == again.hash
    assert corpus.vocab_size <= 400
    for text in ("the unseen word", "na\u00efve \U0001f600 \u4e8c", "it's"):
        assert corpus.tokenizer.decode(corpus.tokenizer.encode(text)) == text
    decoded = {corpus.tokenizer.decode(corpus.train.ids(i)) for i in range(len(corpus.train))}
    assert decoded <= {line.replace(" .", ".") for line in sentences(1000)}
    assert corpus.info["splits"]["train"]["coverage"] == 1.0
    ids = corpus.train.ids(0).tolist()
    assert corpus.tokenizer.encode(corpus.tokenizer.decode(ids)) == ids


def test_byte_pairs_are_not_learned_from_overlong_words() -> None:
    known = sentences(50)
    wanted = dump(Tokenizer.train_bpe([*known, known[0]], 400))
    overlong = "xyzzy" * 201
    assert dump(Tokenizer.train_bpe([*known, f"{known[0]} {overlong}", *[overlong] * 50], 400)) == wanted
    assert dump(Tokenizer.train_bpe([*known, *["xyzzy" * 200] * 50], 400)) != wanted


def test_byte_pairs_of_a_word_of_two_million_letters(corpus_file: Path, tmp_path: Path) -> None:
    choose = random.Random(0)
    word = "".join(choose.choices("abcdefghijklmnopqrstuvwxyz", k=2_000_000))
    with corpus_file.open("a") as file:
        file.write(f"the old dog sees {word}\n")
    start = time.monotonic()
    corpus = prepare(str(corpus_file), out=tmp_path / "out", bpe=True, vocabulary=2000, splits=(1, 0, 0))
    assert time.monotonic() - start < 60
    assert corpus.tokenizer.decode(corpus.train.ids(1000)) == f"the old dog sees {word}"


def test_same_answer_as_a_plain_loop(corpus_file: Path, tmp_path: Path) -> None:
    corpus = prepare(str(corpus_file), out=tmp_path / "out", vocabulary=100)
    train = texts(prepare(str(corpus_file), out=tmp_path / "all"))[0]
    counts = Counter(word for line in train for word in words(line))
    best = sorted(counts, key=lambda word: (-counts[word], word))[:96]
    assert corpus.tokenizer.names[4:] == best
    number = {word: i for i, word in enumerate(best, start=4)}
    assert [corpus.train.ids(i).tolist() for i in range(len(train))] == [
        [number.get(word, 1) for word in line.split()] for line in train
    ]


def test_counts_spilled_to_disk_are_exact(tmp_path: Path) -> None:
    import pyarrow as pa

    choose = random.Random(0)
    flat = [f"w{min(choose.randrange(400), choose.randrange(400))}" for _ in range(20_000)]
    counts = WordCounts(tmp_path, bound=50)
    for start in range(0, len(flat), 500):
        counts.add(pa.array(flat[start : start + 500], pa.large_string()))
    expected = sorted(Counter(flat).items(), key=lambda item: (-item[1], item[0]))[:30]
    assert counts.most_common(30) == expected
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bpe", [False, True], ids=["words", "byte pairs"])
def test_a_corpus_of_more_words_than_are_held_keeps_no_counts(
    bpe: bool, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WordCounts.__init__, "__defaults__", (5,))
    first = prepare(str(corpus_file), out=tmp_path / "out", bpe=bpe, vocabulary=300)
    assert sorted(path.name for path in first.folder.iterdir()) == WRITTEN
    assert prepare(str(corpus_file), out=tmp_path / "out", bpe=bpe, vocabulary=300, force=True).hash == first.hash


def test_an_existing_folder_is_refused_and_only_a_corpus_replaced(corpus_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = prepare(str(corpus_file), out=out).hash
    with pytest.raises(UserError, match="exists"):
        prepare(str(corpus_file), out=out)
    assert prepare(str(corpus_file), out=out, vocabulary=10, force=True).hash != first
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("do not lose")
    with pytest.raises(UserError, match="not a prepared corpus"):
        prepare(str(corpus_file), out=precious, force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["corpus.txt", "out", "precious"]


@pytest.mark.parametrize("source", ["raw.txt", "corpus.json", "."])
def test_a_source_inside_the_folder_to_replace_is_refused(source: str, corpus_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    kept = prepare(str(corpus_file), out=out).hash
    if source == "raw.txt":
        (out / source).write_bytes(corpus_file.read_bytes())
    with pytest.raises(UserError, match=r"lies inside .*out, which is made anew as a whole: choose another --out"):
        prepare(str(out / source), out=tmp_path / "in" / ".." / "out", force=True)
    assert Corpus.open(out).hash == kept
    assert (out / source).exists()


def test_a_corpus_folder_with_other_files_is_not_replaced(corpus_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    kept = prepare(str(corpus_file), out=out).hash
    (out / "notes.md").write_text("do not lose")
    (out / "runs").mkdir()
    with pytest.raises(UserError, match=r"also holds notes\.md, runs, which no preparation wrote"):
        prepare(str(corpus_file), out=out, vocabulary=10, force=True)
    assert Corpus.open(out).hash == kept
    assert (out / "notes.md").read_text() == "do not lose"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_ctrl_c_leaves_nothing(
    error: BaseException, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = prepare(str(corpus_file), out=tmp_path / "out").hash

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(SplitWriter, "append", fail)
    with pytest.raises(UserError if isinstance(error, OSError) else KeyboardInterrupt):
        prepare(str(corpus_file), out=tmp_path / "out", force=True)
    with pytest.raises(UserError if isinstance(error, OSError) else KeyboardInterrupt):
        prepare(str(corpus_file), out=tmp_path / "other")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["corpus.txt", "out"]
    assert Corpus.open(tmp_path / "out").hash == kept


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_words": 0}, "bounds"),
        ({"min_words": 9, "max_words": 8}, "bounds"),
        ({"vocabulary": 4}, "too small"),
        ({"vocabulary": 200, "bpe": True}, "too small"),
        ({"splits": (0.5, 0.1, 0.1)}, "add up to 1"),
        ({"splits": (float("nan"), 0, 1)}, "add up to 1"),
        ({"splits": (1, 0, float("nan"))}, "add up to 1"),
    ],
)
def test_bad_settings(settings: dict, said: str, corpus_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        prepare(str(corpus_file), out=tmp_path / "out", **settings)


def test_corpus_json_is_complete(corpus_file: Path, tmp_path: Path) -> None:
    prepare(str(corpus_file), out=tmp_path / "out")
    info = json.loads((tmp_path / "out" / "corpus.json").read_text())
    assert {"hash", "settings", "skipped", "splits", "vocab_size", "labels", "source"} <= set(info)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == WRITTEN


def test_what_others_made_from_a_corpus_goes_with_it(tmp_path: Path) -> None:
    source = write(tmp_path / "a.txt", sentences(60))
    corpus = prepare(str(source), out=tmp_path / "out")
    (corpus.folder / DERIVED).mkdir()
    (corpus.folder / DERIVED / "judge.safetensors").write_bytes(b"old")
    assert not (prepare(str(source), out=tmp_path / "out", force=True).folder / DERIVED).exists()
