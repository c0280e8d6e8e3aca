"""Tags and trees for sentences, from a model that learned them: `tag` and `parse`.

A sentence goes in and comes out as a treebank's ``Sentence``: words, and what the model says of them. The most probable
structure of the whole sentence is given. Knows nothing of files or the command line.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import UNK, Batch
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
Read = Callable[[Distribution], Tensor | None]


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
    found = _each(run, sentences, range(len(sentences)), _states, "gives words no tags: use an HMM")
    return [_with_states(sentence, found[row]) for row, sentence in enumerate(sentences)]


def parse(run: Trained, sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences with their trees: heads from a dependency model; constituents from a grammar, labelled by
    their symbols, which are numbered together: ``N0``, ``N1``, ... of constituents, then ``P30``, ... of words.
    A sentence of one word has but one tree, which no model is asked for.

    Raises:
        UserError: the model knows no trees, its vocabulary is of word pieces, or a sentence has no words.
    """

    def trees(q: Distribution) -> Tensor | None:
        heads = structures.heads(q)
        return structures.symbols(q) if heads is None else heads

    lacking = "knows no trees: use a grammar or a DMV"
    long = [row for row, sentence in enumerate(sentences) if len(sentence.words) > 1]
    found = _each(run, sentences, long, trees, lacking)
    if len(long) == len(sentences):
        return [_with_tree(sentence, found[row]) for row, sentence in enumerate(sentences)]
    any_tree = found[long[0]] if long else _read(run, run.system.structure(_two_words(run)), trees, lacking)[0]
    alone = {"heads": (0,)} if any_tree.dim() == 1 else {"spans": ()}
    return [_with_tree(s, found[row]) if row in found else replace(s, **alone) for row, s in enumerate(sentences)]


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
    run: Trained, sentences: Sequence[Sentence], which: Sequence[int], read: Read, lacking: str
) -> dict[int, Tensor]:
    """What ``read`` finds in the posteriors of some of the sentences, by their rows; all of them must have words."""
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
    for part in shown(alike([len(ids[row]) for row in which], AT_ONCE), len(which), "reading"):
        rows = [which[i] for i in part]
        q = run.system.structure(Batch.of([ids[row] for row in rows], rows).to(device))
        possible(q, rows)
        answers.update(zip(rows, _read(run, q, read, lacking), strict=True))
    return answers


def _read(run: Trained, q: Distribution, read: Read, lacking: str) -> Tensor:
    z = read(q)
    if z is None:
        raise NoStructure(f"a {type(run.system.model).__name__} {lacking}.")
    return z.cpu()


def _two_words(run: Trained) -> Batch:
    """A sentence that every model can read, to see which kind of tree it gives."""
    return Batch.of([[UNK, UNK]]).to(run.system.device)


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
