"""Tags and trees for sentences, from a model that learned them: `tag` and `parse`.

A sentence goes in and comes out as a treebank's ``Sentence``: words, and what the model says of them. The most probable
structure of the whole sentence is given. Knows nothing of files or the command line.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.data.corpora.annotated import Sentence
from undersong.data.store import Corpus
from undersong.data.tokens import Tokenizer
from undersong.data.words import words
from undersong.decoding import structures
from undersong.decoding.given import refuse_text
from undersong.decoding.latent import Trained, alike
from undersong.decoding.progress import shown
from undersong.errors import NoStructure, UserError

AT_ONCE = 32
T = TypeVar("T")


class Stored(Trained, Protocol):
    """A trained model that knows its corpus: a ``Run``."""

    def corpus(self) -> Corpus: ...


def tag(run: Trained, sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences with the state of each word as its tag: ``s0``, ``s1``, ...; all else stays.

    Where a state lasts for a segment of words (``SemiMarkovHMM``), the spans are the segments: (first word, word after
    the last, state). Their states in order are the sentence's template.

    Args:
        run: a trained model whose posterior is a chain of states, and its tokenizer.
        sentences: their words, which are read as they are.

    Raises:
        UserError: the model gives words no states, its vocabulary is of word pieces, or a sentence has no words.
    """
    found = _each(run, sentences, _states, "gives words no tags: use an HMM")
    return [_with_states(sentence, states) for sentence, states in zip(sentences, found, strict=True)]


def parse(run: Trained, sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences with their trees: heads from a dependency model; constituents from a grammar, labelled by
    their symbols, which are numbered together: ``N0``, ``N1``, ... of constituents, then ``P30``, ... of words.

    Raises:
        UserError: the model knows no trees, its vocabulary is of word pieces, or a sentence has no words.
    """

    def trees(q: Distribution) -> Tensor | None:
        heads = structures.heads(q)
        return structures.symbols(q) if heads is None else heads

    long = [s for s in sentences if len(s.words) > 1] or list(sentences)
    found = iter(_each(run, long, trees, "knows no trees: use a grammar or a DMV"))
    if len(long) == len(sentences):
        return [_with_tree(s, tree) for s, tree in zip(sentences, found, strict=True)]
    parsed = [_with_tree(s, next(found)) if len(s.words) > 1 else s for s in sentences]
    alone = {"heads": (0,)} if any(s.heads is not None for s in parsed) else {"spans": ()}  # a word has but one tree
    return [s if len(s.words) > 1 else replace(s, **alone) for s in parsed]


def read_words(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Sentence]:
    """Text as sentences of words, by the word rule that corpora are prepared by.

    Raises:
        UserError: a text has no words.
    """
    refuse_text(texts)
    found = [Sentence(tuple(words(text, tokenizer.lowercase))) for text in texts]
    for row, sentence in enumerate(found, 1):
        if not sentence.words:
            raise UserError(f"sentence {row} has no words: remove it, so that results and sentences stay in step.")
    return found


def read_split(run: Stored, name: str) -> Iterator[Sentence]:
    """The sentences of a split of the run's corpus, with their gold heads; the unknown word is ``<unk>``."""
    corpus = run.corpus()
    split = getattr(corpus, name)
    for row in range(len(split)):
        heads = split.batch([row]).heads
        yield Sentence(tuple(split.words(row)), heads=None if heads is None else tuple(heads[0].tolist()))


def unknown_words(tokenizer: Tokenizer, sentences: Sequence[Sentence]) -> list[str]:
    """The words outside the vocabulary, in order."""
    unknown = tokenizer.encode_words(["<unk>"])
    known: dict[str, bool] = {}
    for word in (word for sentence in sentences for word in sentence.words):
        known.setdefault(word, tokenizer.encode_words([_spelled(tokenizer, word)]) != unknown)
    return [word for word, there in known.items() if not there and word != "<unk>"]


@torch.no_grad()
def _each(
    run: Trained, sentences: Sequence[Sentence], read: Callable[[Distribution], Tensor | None], lacking: str
) -> list[Tensor]:
    """What ``read`` finds in the posterior of each sentence, in order."""
    if run.tokenizer.is_bpe:
        raise NoStructure(
            "this run's vocabulary is of word pieces, which have no tags or heads: use one of whole words."
        )
    device = run.system.device
    ids = [run.tokenizer.encode_words([_spelled(run.tokenizer, word) for word in s.words]) for s in sentences]
    for row, each in enumerate(ids, 1):
        if not each:
            raise UserError(f"sentence {row} has no words: remove it, so that results and sentences stay in step.")
    answers: dict[int, Tensor] = {}
    for rows in shown(alike([len(i) for i in ids], AT_ONCE), len(ids), "reading"):
        q = run.system.structure(Batch.of([ids[i] for i in rows], rows).to(device))
        possible(q, rows)
        z = read(q)
        if z is None:
            raise NoStructure(f"a {type(run.system.model).__name__} {lacking}.")
        answers.update(zip(rows, z.cpu(), strict=True))
    return [answers[i] for i in range(len(ids))]


def possible(q: Distribution, rows: Sequence[int]) -> None:
    """Refuse sentences that the model holds for impossible: no structure of theirs is better than another.

    Raises:
        UserError: names the first of them.
    """
    log_p = getattr(q, "log_partition", None)
    wrong = [] if log_p is None else [row for row, bad in zip(rows, (log_p == -torch.inf).tolist(), strict=True) if bad]
    if wrong:
        raise UserError(
            f"sentence {min(wrong) + 1} has probability 0 under this model, as with a word that it never saw and no "
            "smoothing: leave it out, or train with --model.smoothing above 0."
        )


def _spelled(tokenizer: Tokenizer, word: str) -> str:
    return word.lower() if tokenizer.lowercase else word


def _states(q: Distribution) -> Tensor | None:
    """The state of each word, and under it, if there are segments, how many words start one: [B, 1 or 2, T]."""
    rows = [row for row in (structures.tags(q), structures.segments(q)) if row is not None]
    return torch.stack(rows, 1) if rows else None


def _with_states(sentence: Sentence, found: Tensor) -> Sentence:
    states, *sizes = found[:, : len(sentence.words)].tolist()
    tagged = replace(sentence, tags=tuple(f"s{state}" for state in states), spans=None)  # its brackets are no segments
    if not sizes:
        return tagged
    return replace(tagged, spans=tuple((t, t + size, f"s{states[t]}") for t, size in enumerate(sizes[0]) if size))


def _with_tree(sentence: Sentence, tree: Tensor) -> Sentence:
    count = len(sentence.words)
    if tree.dim() == 1:
        return replace(sentence, heads=tuple(tree[:count].tolist()))
    spans = structures.brackets(tree, count)
    tags = [f"P{symbol}" for first, end, symbol in sorted(spans) if end - first == 1]
    constituents = tuple((first, end, f"N{symbol}") for first, end, symbol in spans if end - first > 1)
    return replace(sentence, tags=tuple(tags) or None, spans=constituents)
