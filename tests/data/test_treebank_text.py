"""Reading CoNLL-U and bracketed trees, writing them, and what is wrong with those that cannot be read."""

import re
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from undersong.data.corpora.annotated import Sentence, shape, sound, without
from undersong.data.corpora.brackets import read_trees, write_trees
from undersong.data.corpora.conllu import read_conllu, write_conllu
from undersong.errors import UserError

NASTY = "aZ()_-=|\\/ \t\n\r\x0b\x1c\x85\xa0\u2028LRBU+0+#123.*"
text = st.one_of(
    st.text(st.one_of(st.sampled_from(NASTY), st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8),
    st.sampled_from(["-LRB-", "-LRB", "-RRB-", "-NONE-", "_", "-U+0020-", "-U+", ":)", "\\)", "1-2", "#", "NP-SBJ=1"]),
)
tag = st.none() | text


@st.composite
def dependencies(draw: st.DrawFn) -> Sentence:
    words = draw(st.lists(text, min_size=1, max_size=6))
    heads = draw(st.lists(st.integers(-1, len(words)), min_size=len(words), max_size=len(words)))
    tags = draw(st.lists(tag, min_size=len(words), max_size=len(words)))
    return Sentence(tuple(words), tuple(tags), tuple(heads))


@st.composite
def trees(draw: st.DrawFn) -> Sentence:
    words = draw(st.lists(text, min_size=1, max_size=6))
    tags = draw(st.lists(tag, min_size=len(words), max_size=len(words)))
    spans: list[tuple[int, int, str]] = []

    def grow(start: int, end: int, depth: int) -> None:
        for label in draw(st.lists(text, max_size=2)):
            spans.append((start, end, label))
        if end - start > 1 and depth:
            middle = draw(st.integers(start + 1, end - 1))
            grow(start, middle, depth - 1)
            grow(middle, end, depth - 1)

    grow(0, len(words), 3)
    return Sentence(tuple(words), tuple(tags), None, tuple(spans))


@settings(max_examples=400, deadline=None)
@given(st.lists(dependencies(), max_size=3))
@example([Sentence((" ", "a  b", "\t"), ("_", None, "-U+005F-"), (0, -1, 1))])
def test_conllu_written_is_conllu_read(rows: list[Sentence]) -> None:
    assert [row.sentence for row in read_conllu(write_conllu(rows).split("\n"), "here")] == rows


@settings(max_examples=400, deadline=None)
@given(st.lists(trees(), max_size=3))
@example([Sentence(("-LRB(",), ("-LRB-",), None, ((0, 1, "ROOT"), (0, 1, "-NONE-")))])
def test_trees_written_are_trees_read(rows: list[Sentence]) -> None:
    assert [row.sentence for row in read_trees(write_trees(rows).split("\n"), "here")] == rows


def test_what_cannot_be_written_is_refused() -> None:
    for bad in (Sentence(("",)), Sentence(("a",), tags=("X", "Y")), Sentence(("a",), heads=(0, 0))):
        with pytest.raises(ValueError, match="Not a sentence"):
            write_conllu([bad])
    for spans in (((0, 3, "X"),), ((1, 1, "X"),), ((0, 1, ""),)):
        with pytest.raises(ValueError, match="Not a sentence"):
            write_trees([Sentence(("a", "b"), spans=spans)])
    with pytest.raises(ValueError, match="cross"):
        write_trees([Sentence(("a", "b", "c"), spans=((0, 2, "X"), (1, 3, "Y")))])


CONLLU = """# sent_id = 1
# text = I don't (vámonos) .
1\tI\ti\tPRON\tPRP\t_\t2\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tVERB\tVBP\tMood=Ind\t0\troot\t_\t_
3\tn't\tnot\tPART\t_\t_\t2\tadvmod\t_\t_
3.1\tsee\tsee\tVERB\t_\t_\t_\t_\t0:root\t_
4\t10 000\t_\tNUM\tCD\t_\t_\t_\t_\tSpaceAfter=No
5\t_\t_\tPUNCT\t-LRB-\t_\t4\tpunct\t_\tSpacesAfter=  
"""


def test_conllu_ranges_and_empty_nodes_are_no_words() -> None:
    (row,) = read_conllu(CONLLU.split("\n"), "here")
    assert row.line == 3
    assert row.sentence.words == ("I", "do", "n't", "10 000", "_")
    assert row.sentence.tags == ("PRON", "VERB", "PART", "NUM", "PUNCT")
    assert row.sentence.heads == (2, 0, 2, -1, 4)
    assert row.punctuation == (False, False, False, False, True)
    (row,) = read_conllu(CONLLU.split("\n"), "here", text="upos", tag="xpos")
    assert row.sentence.words == ("PRON", "VERB", "PART", "NUM", "PUNCT")
    assert row.sentence.tags == ("PRP", "VBP", None, "CD", "-LRB-")
    (row,) = read_conllu(CONLLU.split("\n"), "here", text="lemma")
    assert row.skipped == "a word without lemma"


TREES = """( (S
  (NP-SBJ-1 (PRP She))
  (VP (VBD said) (`` ``) (SBAR (-NONE- 0) (S (NP-SBJ (-NONE- *T*-1)) (VP=2 (VB go))))
  (-LRB- -LRB-) (X (: :) ) (. .)))
)
(TOP (NN a)) (NP (NN|NNS b))
"""


def test_trees_lose_traces_function_tags_and_the_outer_bracket() -> None:
    first, second, third = read_trees(TREES.split("\n"), "here")
    assert first.sentence.words == ("She", "said", "``", "go", "(", ":", ".")
    assert first.sentence.tags == ("PRP", "VBD", "``", "VB", "-LRB-", ":", ".")
    assert first.sentence.spans == (
        (0, 7, "S"), (0, 1, "NP"), (1, 7, "VP"), (3, 4, "SBAR"), (3, 4, "S"), (3, 4, "VP"), (5, 6, "X"),
    )  # fmt: skip
    assert first.punctuation == (False, False, True, False, True, True, True)
    assert (second.line, second.sentence) == (6, Sentence(("a",), ("NN",), None, ()))
    assert (third.line, third.sentence) == (6, Sentence(("b",), ("NN",), None, ((0, 1, "NP"),)))
    tags = [row.sentence.words for row in read_trees(TREES.split("\n"), "here", text="xpos")]
    assert tags[1:] == [("NN",), ("NN",)]


def test_a_very_deep_tree() -> None:
    deep = "(X " * 90 + "(N a)" + ")" * 90
    (row,) = read_trees([deep], "here")
    assert row.sentence.spans == ((0, 1, "X"),) * 90
    with pytest.raises(UserError, match="line 1 is no tree"):
        list(read_trees(["(X " * 100_000 + "(N a)" + ")" * 100_000], "here"))


WORD = "1\ta\ta\tX\tX\t_\t0\troot\t_\t_"
BAD_CONLLU = {
    "nine columns": ("\t".join(WORD.split("\t")[:9]), "line 2 has 9 columns, not the 10"),
    "spaces": (WORD.replace("\t", "  "), "line 2 has 1 columns"),
    "no word": (WORD.replace("1\ta", "1\t"), "line 2 has no word"),
    "id": (WORD.replace("1\t", "one\t", 1), "line 2 is not a line of CoNLL-U"),
    "range": (WORD.replace("1\t", "2-1\t", 1), "line 2 is not a line of CoNLL-U"),
    "order": (WORD.replace("1\t", "2\t", 1), "line 2: word 2 comes where word 1 should"),
    "again": (WORD + "\n" + WORD, "line 3: word 1 comes where word 2 should"),
    "head": (WORD.replace("\t0\t", "\tx\t"), "line 2: the head 'x'"),
    "minus": (WORD.replace("\t0\t", "\t-1\t"), "line 2: the head '-1'"),
}


@pytest.mark.parametrize("case", list(BAD_CONLLU))
def test_bad_conllu_names_the_line(case: str) -> None:
    lines, said = BAD_CONLLU[case]
    with pytest.raises(UserError, match=f"^here, {re.escape(said)}"):
        list(read_conllu(["# a comment", *lines.split("\n")], "here"))


BAD_TREES = {
    "never closed": ("(S (N a)\n(V b)", "here: the tree that begins in line 2 is never closed"),
    "closed twice": ("(S (N a)))", "here, line 2: a closing bracket without"),
    "outside": ("(S (N a)) b", "here, line 2: 'b' stands outside"),
    "no tree": ("hello", "here, line 2: 'hello' stands outside"),
    "two words": ("(S (N a b))", "here, line 2: the bracket (N ...) holds a word beside"),
    "word and tree": ("(S (N a) b)", "here, line 2: the bracket (S ...) holds a word beside"),
}


@pytest.mark.parametrize("case", list(BAD_TREES))
def test_bad_trees_name_the_line(case: str) -> None:
    lines, said = BAD_TREES[case]
    with pytest.raises(UserError, match=re.escape(said)):
        list(read_trees(["(N a)", *lines.split("\n")], "here"))


def is_tree(heads: tuple[int, ...]) -> bool:
    """Whether every word reaches the root, step by step."""
    for word in range(1, len(heads) + 1):
        for _ in heads:
            word = heads[word - 1] if word else 0
        if word:
            return False
    return True


def arcs_cross(heads: tuple[int, ...]) -> bool:
    arcs = [sorted((word, head)) for word, head in enumerate(heads, start=1)]
    return any(a < c < b < d for a, b in arcs for c, d in arcs)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_cycles_roots_and_crossing_arcs_against_their_definitions(count: int) -> None:
    projective = 0
    for heads in product(range(count + 1), repeat=count):
        sentence = Sentence(("a",) * count, heads=heads)
        fixed, fault = sound(sentence)
        assert (fault is None) == is_tree(heads)
        if fault is not None:
            assert fault == "cyclic"
            assert fixed.heads == (-1,) * count
            continue
        found = shape(heads)
        assert ("roots" in found) == (heads.count(0) > 1)
        assert ("nonprojective" in found) == arcs_cross(heads)
        projective += not found
    # Projective trees with one root: C(3n - 2, n - 1) / n, a known sequence.
    assert projective == [1, 2, 7, 30, 143][count - 1]


def test_heads_outside_the_sentence_are_left_out() -> None:
    fixed, fault = sound(Sentence(("a", "b"), heads=(0, 9)))
    assert (fixed.heads, fault) == ((-1, -1), "head outside the sentence")


def test_words_without_punctuation_keep_their_order_of_heads() -> None:
    # a <- , <- b ; the comma is the root, its children become roots; ) hangs on ( , both go.
    s = Sentence(
        ("a", ",", "b", "(", ")", "c"),
        ("X", ",", "X", "-LRB-", "-RRB-", "X"),
        (2, 0, 2, 3, 4, 5),
        ((0, 6, "S"), (1, 2, "PRN"), (2, 6, "NP"), (3, 5, "PRN")),
    )
    assert without(s, [False, True, False, True, True, False]) == Sentence(
        ("a", "b", "c"), ("X", "X", "X"), (0, 0, 2), ((0, 3, "S"), (1, 3, "NP"))
    )
    assert without(s, [True] * 6) == Sentence((), (), (), ())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_dropping_words_keeps_a_tree_a_tree(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 8))
    order = data.draw(st.permutations(range(1, count + 1)))
    heads = [0] * count
    for place, word in enumerate(order):
        heads[word - 1] = data.draw(st.sampled_from([0, *order[:place]]))
    dropped = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    left = without(Sentence(("a",) * count, heads=tuple(heads)), dropped)
    assert left.heads is not None
    assert is_tree(left.heads)
    if "nonprojective" not in shape(heads) and heads.count(0) == 1:
        assert "nonprojective" not in shape(left.heads)
