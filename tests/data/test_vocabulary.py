"""What a vocabulary is made from, how large it is by default, and what stands for words outside it."""

from pathlib import Path

from undersong.data.batch import UNK
from undersong.data.prepare import prepare
from undersong.data.tokens import Tokenizer


def test_byte_pairs_are_learned_from_the_training_split_alone(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for split, word in (("train", "dog"), ("valid", "cccccccc"), ("test", "zzzzzzzz")):
        lines = [f"{word} {word} {word} {word} {word} {number}" for number in range(50)]
        (source / f"{split}.txt").write_text("\n".join(lines))
    made = prepare(str(source), out=tmp_path / "out", bpe=True, vocabulary=280, show_progress=False)
    assert [piece for piece in made.tokenizer.names if "cc" in piece or "zz" in piece] == []
    assert any("dog" in piece for piece in made.tokenizer.names)


def test_a_vocabulary_has_20_000_entries_unless_told_otherwise(tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(25_000)]
    (tmp_path / "lines.txt").write_text("\n".join(" ".join(words[i : i + 25]) for i in range(0, 25_000, 25)))
    made = prepare(str(tmp_path / "lines.txt"), out=tmp_path / "out", splits=(1, 0, 0), show_progress=False)
    assert made.vocab_size == 20_000


def test_the_unknown_word_is_shown_in_a_text() -> None:
    assert Tokenizer.of_words(["a", "dog"]).decode([4, UNK, 5]) == "a <unk> dog"
