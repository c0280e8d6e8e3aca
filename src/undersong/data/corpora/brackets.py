"""Bracketed trees, as in the Penn Treebank: ``(ROOT (NP-SBJ (DT a) (NN dog)))``; read by NLTK, written here.

The node above a word holds its tag. Labels lose their function tags (``NP-SBJ`` is ``NP``), words tagged ``-NONE-``
(traces) go, and so do constituents left empty or without a label, and one outer ``ROOT``, ``TOP`` or empty bracket.
Knows nothing of what is done with the sentences.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from undersong.data.corpora.annotated import Row, Sentence, Span
from undersong.data.corpora.escaping import code, escape_brackets, unescape_brackets, unescape_spaces
from undersong.errors import UserError

PUNCTUATION = frozenset(("``", "''", ",", ".", ":", "-LRB-", "-RRB-", "(", ")", "HYPH", "NFP"))
COLUMNS = ("form", "xpos")  # what a tree says of a word

_EMPTY = "-NONE-"
_OUTER = ("ROOT", "TOP", "")
_BRACKETS = re.compile(r"\\[()]|[()]")  # NLTK takes a backslashed bracket for a character of a word
_WHOLE = re.compile(r"-[A-Z]+-")  # labels such as -LRB-
_LABEL = re.compile(r"(?:-U\+[0-9A-F]{4,6}-|[^-=|])+")


def read_trees(lines: Iterable[str], where: str, text: str = "form") -> Iterator[Row]:
    """The sentences of a file of bracketed trees, of one or many lines each.

    Args:
        lines: of the file.
        where: how errors name it.
        text: ``form`` for the words, or ``xpos`` for their tags in place of words.

    Raises:
        UserError: something is not a tree; names the line.

    >>> next(read_trees(["(ROOT (NP-SBJ (DT a)", " (NN dog)))"], "example")).sentence
    Sentence(words=('a', 'dog'), tags=('DT', 'NN'), heads=None, spans=((0, 2, 'NP'),))
    """
    for number, block in _blocks(lines, where):
        sentence = _sentence(block, f"{where}, line {number}")
        tags = sentence.tags or ()
        missing = text == "xpos" and None in tags
        if text == "xpos":
            sentence = Sentence(tuple(tag or "_" for tag in tags), tags, None, sentence.spans)
        punctuation = tuple(tag in PUNCTUATION for tag in tags)
        yield Row(number, sentence, punctuation, "a word without xpos" if missing else None)


def _blocks(lines: Iterable[str], where: str) -> Iterator[tuple[int, str]]:
    """Balanced brackets, each with the number of its first line."""
    held: list[str] = []
    depth = first = 0
    for number, line in enumerate(lines, start=1):
        begin = 0
        for found in _BRACKETS.finditer(line):
            if len(found[0]) == 2:
                continue
            if depth == 0:
                _refuse(line[begin : found.start()], f"{where}, line {number}")
                begin = found.start()
                first = number
            depth += 1 if found[0] == "(" else -1
            if depth < 0:
                raise UserError(f"{where}, line {number}: a closing bracket without an opening one: correct it.")
            if depth == 0:
                yield first, "".join([*held, line[begin : found.end()]])
                held, begin = [], found.end()
        if depth == 0:
            _refuse(line[begin:], f"{where}, line {number}")
        else:
            held.append(line[begin:])
    if depth:
        raise UserError(f"{where}: the tree that begins in line {first} is never closed: add the missing brackets.")


def _refuse(text: str, where: str) -> None:
    if text.strip():
        raise UserError(f"{where}: {text.strip()[:30]!r} stands outside all brackets, so it is no tree: correct it.")


def _sentence(block: str, where: str) -> Sentence:
    """What one balanced bracket says, walked without recursion."""
    from nltk.tree import Tree

    if not block.isascii():  # NLTK would end words at any white space
        block = re.sub(r"[^\S \t\r\n]", lambda found: code(found[0]), block)
    try:
        tree = Tree.fromstring(block)
    except ValueError as error:
        raise UserError(f"{where} is no tree ({str(error).splitlines()[0]}): correct it.") from error
    if tree.label() in _OUTER and not any(isinstance(child, str) for child in tree):
        tree.set_label("")
    words, tags, spans = list[str](), list[str | None](), list[Span | None]()
    # A number in place of a node says: the constituent with this number ends here.
    todo: list[Any] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, int):
            start, _, label = spans[node] or (0, 0, "")
            spans[node] = (start, len(words), label) if label and start < len(words) else None
        elif len(node) == 1 and isinstance(node[0], str):
            if node.label() != _EMPTY:
                words.append(unescape_brackets(node[0]))
                tags.append(None if node.label() == "_" else _label(node.label()))
        elif any(isinstance(child, str) for child in node):
            raise UserError(
                f"{where}: the bracket ({node.label()} ...) holds a word beside other things: put each word into a "
                f"bracket of its own, with its tag."
            )
        else:
            todo.append(len(spans))
            spans.append((len(words), len(words), _label(node.label())))
            todo += reversed(node)
    return Sentence(tuple(words), tuple(tags), None, tuple(span for span in spans if span is not None))


def _label(written: str) -> str:
    """A label without its function tags and indices.

    >>> _label("NP-SBJ-1"), _label("-LRB-"), _label("PRP$"), _label("NT-U+002D-3")
    ('NP', '-LRB-', 'PRP$', 'NT-3')
    """
    found = None if _WHOLE.fullmatch(written) else _LABEL.match(written)
    return unescape_spaces(written if found is None else found.group())


def write_trees(rows: Iterable[Sentence]) -> str:
    """Sentences as bracketed trees, one a line, each inside ``ROOT``; an unknown tag is ``_``.

    Raises:
        ValueError: a word or label is empty, there are more or fewer tags than words, or constituents cross.

    >>> print(write_trees([Sentence(("a", ":)"), ("DT", None), None, ((0, 2, "NP"),))]), end="")
    (ROOT (NP (DT a) (_ :-RRB-)))
    """
    return "".join(_tree(row) + "\n" for row in rows)


def _tree(row: Sentence) -> str:
    count = len(row.words)
    tags = (None,) * count if row.tags is None else row.tags
    spans = sorted(row.spans or (), key=lambda span: (span[0], -span[1]))
    if (
        "" in row.words
        or "" in tags
        or len(tags) != count
        or not all(0 <= start < end <= count and label for start, end, label in spans)
    ):
        raise ValueError(f"Not a sentence with a tag for each word and constituents of one word or more: {row}.")
    out = ["(ROOT"]
    open_until: list[int] = []
    following = 0
    for place in range(count):
        while following < len(spans) and spans[following][0] == place:
            _, end, label = spans[following]
            if open_until and end > open_until[-1]:
                raise ValueError(f"Constituents cross in {row}.")
            out.append(f" ({_written(label)}")
            open_until.append(end)
            following += 1
        tag = tags[place]
        out.append(f" ({'_' if tag is None else _written(tag)} {escape_brackets(row.words[place])})")
        while open_until and open_until[-1] == place + 1:
            open_until.pop()
            out.append(")")
    return "".join([*out, ")"])


def _written(label: str) -> str:
    """A label that ``_label`` reads as it is."""
    if _WHOLE.fullmatch(label) and label != _EMPTY:
        return label
    return code("_") if label == "_" else re.sub(r"[-=|()\s\\]", lambda found: code(found[0]), label)
