"""The word rule, and its array version, which must give the same answer on any text."""

import random
import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from undersong.data.splitting import split_words
from undersong.data.tokens import Tokenizer
from undersong.data.words import definition, examples, words

NASTY = "aZ09_'’ \t\x1c\x85\xa0\u3000.,-İΣςßſŉ\u0301ǅﬀ½Ⅷ二अी\u200d\ufeff👍🏽\u2028\x0b"
text = st.text(st.one_of(st.sampled_from(NASTY), st.characters(exclude_categories=["Cs"]))).filter(
    lambda s: "\0" not in s
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rock'n'roll", ["rock'n", "'", "roll"]),
        ("a'b'c'd'e", ["a'b", "'", "c'd", "'", "e"]),
        ("'tis the dogs' 5'11", ["'", "tis", "the", "dogs", "'", "5'11"]),
        ("A_b-c...", ["a_b", "-", "c", ".", ".", "."]),
        ("  ", []),
    ],
)
def test_word_rule(line: str, expected: list[str]) -> None:
    assert words(line) == expected
    assert split_words(pa.array([line.encode()], pa.large_binary())).to_pylist() == [expected]


@settings(max_examples=300, deadline=None)
@given(st.lists(text, max_size=6), st.booleans())
@example(["ΑΣ", "Α"], True)
@example(["a'", "'b", "a'b\n'c"], True)
def test_array_version_is_the_rule(lines: list[str], lowercase: bool) -> None:
    found = split_words(pa.array([line.encode() for line in lines], pa.large_binary()), lowercase)
    assert found.to_pylist() == [words(line, lowercase) for line in lines]


def test_array_version_on_every_character() -> None:
    lines = [f"a{chr(c)}b'{chr(c)}'{chr(c)}c" for c in range(1, 0x30000) if not 0xD800 <= c < 0xE000]
    found = split_words(pa.array([line.encode() for line in lines], pa.large_binary()))
    assert found.to_pylist() == [words(line) for line in lines]


@settings(max_examples=200, deadline=None)
@given(text)
def test_tokenizer_file_holds_the_same_rule(line: str) -> None:
    inner = TOKENIZER.inner.pre_tokenizer
    assert inner is not None
    assert [word for word, _ in inner.pre_tokenize_str(line)] == words(line, lowercase=False)


TOKENIZER = Tokenizer.of_words([])


def test_a_null_and_an_empty_array() -> None:
    assert split_words(pa.array([None, b"a"], pa.large_binary())).to_pylist() == [[], ["a"]]
    assert split_words(pa.array([], pa.large_binary())).to_pylist() == []


def test_a_slice_of_lines() -> None:
    lines = pa.array([b"a b", b"c", b"d e f"], pa.large_binary()).slice(1)
    assert split_words(lines).to_pylist() == [["c"], ["d", "e", "f"]]


def test_glosses() -> None:
    gloss = 'a thing; a part; "he said; so"; "two"'
    assert definition(gloss) == "a thing; a part"
    assert examples(gloss) == ["he said; so", "two"]
    assert definition("no example") == "no example"


def test_rule_is_regular_expression_of_the_issue() -> None:
    choose = random.Random(0)
    lines = ["".join(choose.choices(NASTY, k=30)) for _ in range(500)]
    rule = re.compile(r"\w+(?:'\w+)?|\S")
    assert [words(line) for line in lines] == [rule.findall(line.lower()) for line in lines]
    assert unicodedata.unidata_version
