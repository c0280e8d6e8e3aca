"""``undersong tag | parse | cluster``: each a function whose signature is its flags.

Results go to standard output, words outside the vocabulary and progress to standard error. Knows nothing of models.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from undersong.data.corpora.annotated import Sentence
from undersong.data.corpora.brackets import write_trees
from undersong.data.corpora.conllu import write_conllu
from undersong.data.corpora.treebank import is_treebank, treebank_sentences
from undersong.decoding import output
from undersong.decoding.annotating import parse, read_split, read_words, tag, unknown_words
from undersong.decoding.clustering import Cluster, cluster, describe_clusters
from undersong.decoding.reading import gather
from undersong.errors import UserError
from undersong.flags import telling, with_options
from undersong.learning import Run
from undersong.settings import need
from undersong.text import visible

Splits = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Reading:
    """Where the sentences to be annotated come from.

    Args:
        file: a text file of one sentence a line, or a treebank, told by its ending (.conllu, or bracketed trees); - is
            standard input, read as text. Text is split into words by the rule for plain text; a treebank keeps its own.
        split: the sentences of this split of the run's corpus, with its own words.
        text_column: the column of a treebank that holds the words; by default ``form``.
        json: print JSON.
    """

    file: Path | None = None
    split: Splits | None = None
    text_column: str | None = None
    json: bool = False


@with_options(Reading)
def tag_command(run: Path, sentences: list[str], reading: Reading, conllu: bool = False) -> int:
    """Give each word, or each segment of words, its tag: the state that a hidden Markov model has it in.

    Args:
        run: folder of a trained run.
        sentences: the sentences; without any they are read from the file, the split, or standard input.
        conllu: write CoNLL-U: the tags in the column UPOS, the heads as they were given.
    """
    if conllu and reading.json:
        raise UserError("--json and --conllu are two formats: leave one out.")
    loaded = Run.load(run)
    found = tag(loaded, _given(loaded, sentences, reading))
    if reading.json:
        print(output.json_rows({"words": s.words, "tags": s.tags, "segments": s.spans} for s in found))
    elif conllu:
        sys.stdout.write(write_conllu(output.harmless(found, sys.stdout.isatty())))
    else:
        for s in found:
            print(output.tagged(s))
    return 0


@with_options(Reading)
def parse_command(run: Path, sentences: list[str], reading: Reading) -> int:
    """Give sentences their trees: bracketed ones from a grammar, CoNLL-U from a dependency model.

    Args:
        run: folder of a trained run.
        sentences: the sentences; without any they are read from the file, the split, or standard input.
    """
    loaded = Run.load(run)
    found = parse(loaded, [Sentence(s.words) for s in _given(loaded, sentences, reading)])
    if reading.json:  # constituents are (first word, word after the last, symbol)
        print(output.json_rows({"words": s.words, "heads": s.heads, "constituents": s.spans} for s in found))
    else:
        write = write_trees if found and found[0].heads is None else write_conllu
        sys.stdout.write(write(output.harmless(found, sys.stdout.isatty())))
    return 0


@telling
def cluster_command(
    run: Path,
    sentences: list[str],
    *,
    file: Path | None = None,
    split: Splits = "train",
    words: int = 10,
    examples: int = 3,
    json: bool = False,
    told: frozenset[str],
) -> int:
    """Say which cluster each sentence is in and how probable that is; without sentences, what each cluster is about.

    Args:
        run: folder of a trained run.
        sentences: the sentences; without any, and without a file, the clusters are described.
        file: a text file of one sentence a line; - is standard input.
        split: the sentences of the run's corpus that say what the clusters are about.
        words: characteristic words shown of each cluster.
        examples: sentences shown of each cluster.
        json: print JSON.
    """
    need(0, words=words, examples=examples)
    given = bool(sentences) or file is not None
    for name in ("split", "words", "examples"):
        if given and name in told:
            raise UserError(f"--{name} is for describing the clusters: leave it out, or give no sentences.")
    loaded = Run.load(run)
    if given:
        assigned = cluster(loaded, gather(sentences, file))
        if json:
            print(output.as_json(assigned))
        else:
            for a in assigned:
                print(f"{a.cluster:4d}  {a.probability:.3f}  {visible(a.text)}")
        return 0
    described = describe_clusters(loaded, getattr(loaded.corpus(), split), words, examples)
    if json:
        print(output.json_rows(asdict(c) for c in described))
    else:
        Console(highlight=False, markup=False).print(_table(described))
    return 0


def _table(clusters: Sequence[Cluster]) -> Table:
    table = Table(title=f"{len(clusters)} clusters", show_lines=True)
    for heading in ("", "share", "characteristic words", "sentences it is surest of"):
        table.add_column(heading)
    for c in clusters:
        shown = "\n".join(map(visible, c.sentences))
        table.add_row(str(c.cluster), f"{100 * c.share:.1f}%", visible(" ".join(c.words)), shown)
    return table


def _given(run: Run, texts: list[str], reading: Reading) -> list[Sentence]:
    """The sentences asked for; words outside the vocabulary are told."""
    file, split, column = reading.file, reading.split, reading.text_column
    if split is not None:
        if texts or file is not None:
            raise UserError("sentences were given beside --split: use one of the two.")
        found = list(read_split(run, split))
    elif file is not None and not texts and is_treebank(file):
        found = treebank_sentences(file, column)
    elif column is not None:
        raise UserError("--text-column is of a treebank's file: leave it out, or give such a file by --file.")
    else:
        found = read_words(run.tokenizer, gather(texts, file))
    line = output.unknown_words(unknown_words(run.tokenizer, found))
    if line:
        print(line, file=sys.stderr)
    return found
