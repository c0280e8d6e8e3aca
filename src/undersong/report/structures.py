"""What each run finds in the same sentences: the tag of each word, a tree, or the sentence's cluster.

Runs whose latent variable is a vector have no part in it. Knows nothing of HTML.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from undersong.data.corpora.annotated import Sentence
from undersong.decoding import cluster, parse, tag
from undersong.decoding.output import tagged
from undersong.errors import NoStructure, UserError
from undersong.report.evidence import Evidence
from undersong.report.html import Notice, Section
from undersong.report.tables import Cell, Table


def structures(runs: Sequence[Evidence], texts: Mapping[str, Sequence[str]]) -> Section:
    """A row for each sentence, a column for each run that finds structure in it.

    Args:
        runs: what is compared.
        texts: sentences, with their words as the corpus has them: a treebank's are not those of the word rule.
    """
    columns: dict[str, list[str]] = {}
    notices: list[Notice] = []
    for run in runs if texts else ():
        try:
            found = _found(run, texts)
        except UserError as error:
            notices.append(Notice(f"{run.name} is left out: {error}", warning=True))
            continue
        if found is not None:
            columns[run.name] = found
    if not columns:
        return Section("Tags, trees and clusters", tuple(notices))
    rows = tuple((Cell(text), *map(Cell, line)) for text, *line in zip(texts, *columns.values(), strict=True))
    notes = (
        "The most probable structure of each sentence: word/state, or [segment]/state; brackets without labels; "
        "head→word, the root's as →word; or a cluster and its probability.",
    )
    title = "The same sentences, and what each run finds in them"
    return Section("Tags, trees and clusters", (*notices, Table(title, ("sentence", *columns), rows, notes, True)))


def _found(run: Evidence, texts: Mapping[str, Sequence[str]]) -> list[str] | None:
    """What the run finds in each sentence; None if it finds none of the three in any.

    Raises:
        UserError: it would find something, but not in these sentences.
    """
    sentences = [Sentence(tuple(words)) for words in texts.values()]
    readers = (
        lambda: [tagged(s) for s in tag(run.run, sentences)],
        lambda: [_bracketed(s) if s.heads is None else _arcs(s) for s in parse(run.run, sentences)],
        lambda: [f"cluster {a.cluster} ({a.probability:.2f})" for a in cluster(run.run, list(texts))],
    )
    for read in readers:
        with suppress(NoStructure):
            return read()
    return None


def _bracketed(sentence: Sentence) -> str:
    """
    >>> _bracketed(Sentence(("a", "dog", "barks"), spans=((0, 3, "N1"), (0, 2, "N0"))))
    '((a dog) barks)'
    """
    words = list(sentence.words)
    for first, end, _ in sentence.spans or ():
        words[first] = "(" + words[first]
        words[end - 1] += ")"
    return " ".join(words)


def _arcs(sentence: Sentence) -> str:
    """
    >>> _arcs(Sentence(("dogs", "bark"), heads=(2, 0)))
    'bark→dogs →bark'
    """
    names = ("", *sentence.words)
    return " ".join(f"{names[head]}→{word}" for word, head in zip(sentence.words, sentence.heads or (), strict=True))
