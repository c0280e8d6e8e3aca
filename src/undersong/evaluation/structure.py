"""Structures that a model found without being told, beside those that people drew: tags, clusters, heads, brackets.

Each looks at the most probable structure of every judged sentence. Knows nothing of how structures are found or read.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.data.corpora.brackets import PUNCTUATION as PENN_PUNCTUATION
from undersong.decoding import structures
from undersong.errors import NoStructure
from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures.attachment import attached
from undersong.measures.brackets import bracket_scores, left_branching, proper, random_branching, right_branching
from undersong.measures.clustering import agreement
from undersong.models.base import reads
from undersong.settings import need

PUNCTUATION = frozenset(tag.lower() for tag in (*PENN_PUNCTUATION, "PUNCT"))


class Tags(Measure):
    """States of words against gold tags: many-to-one, one-to-one, V-measure, NMI."""

    name = "tags"

    def __call__(self, subject: Subject) -> Figures:
        """``tag_many_to_one``, ``tag_one_to_one``, ``tag_v_measure``, ``tag_nmi``; ``tag_words`` had tags."""
        if subject.split.tags is None:
            raise NotApplicable("the corpus has no tags")
        known, found = [], []
        for x, z in _found(subject, structures.tags, "gives words no states"):
            there = _annotated(x.tags)
            known.append(_of(x.tags, there))
            found.append(z[there].cpu().numpy())
        gold = np.concatenate(known)
        figures = agreement(gold, np.concatenate(found))
        return {**{f"tag_{name}": value for name, value in figures.items()}, "tag_words": len(gold)}


class Clusters(Measure):
    """Clusters of sentences against the corpus's classes: many-to-one, one-to-one, V-measure, NMI."""

    name = "clusters"

    def __call__(self, subject: Subject) -> Figures:
        """``cluster_many_to_one``, ``cluster_one_to_one``, ``cluster_v_measure``, ``cluster_nmi``, and
        ``cluster_sentences``, how many had a class."""
        subject.need_labels()
        if reads(subject.system.model) == "labels":
            raise NotApplicable("the model is given the labels that its clusters would be scored against")
        known, found = [], []
        for x, z in _found(subject, structures.probabilities, "gives sentences no clusters"):
            there = _annotated(x.labels)
            known.append(_of(x.labels, there))
            found.append(z.argmax(-1)[there].cpu().numpy())
        gold = np.concatenate(known)
        figures = agreement(gold, np.concatenate(found))
        return {**{f"cluster_{name}": value for name, value in figures.items()}, "cluster_sentences": len(gold)}


class Attachment(Measure):
    """Heads of words against gold heads: the share that is right, directed and undirected (Klein and Manning 2004).

    Punctuation is not scored: words whose gold tag is UD's PUNCT or one of the Penn Treebank's marks. A corpus that was
    prepared with ``--punctuation drop`` has none; in one whose words are tags, the words themselves are looked at.
    Beside them, as baselines, a head is always the next word, or the one before.
    """

    name = "attachment"

    def __call__(self, subject: Subject) -> Figures:
        """``attachment_directed``, ``attachment_undirected``, those of the two baselines, and ``attachment_words``."""
        if subject.split.heads is None:
            raise NotApplicable("the corpus has no heads")
        scored = dict[str, list[NDArray[np.bool_]]]()
        for x, z in _found(subject, structures.heads, "gives words no heads"):
            there = _annotated(x.heads) & ~_punctuation(subject, x)
            for row, words in enumerate(x.lengths.tolist()):
                place, gold = np.arange(1, words + 1), _of(x.heads, (row, slice(words)))
                trees = {"": z[row, :words].cpu().numpy(), "_next": (place + 1) % (words + 1), "_previous": place - 1}
                counts = there[row, :words].cpu().numpy()
                for suffix, heads in trees.items():
                    directed, undirected = attached(gold, heads)
                    scored.setdefault(f"attachment_directed{suffix}", []).append(directed[counts])
                    scored.setdefault(f"attachment_undirected{suffix}", []).append(undirected[counts])
        found = {name: np.concatenate(each) for name, each in scored.items()}
        figures: dict[str, float | None] = {n: float(v.mean()) if len(v) else None for n, v in found.items()}
        return {**figures, "attachment_words": len(found["attachment_directed"])}


class Brackets(Measure):
    """Brackets of sentences against gold ones, labels aside: sentence and corpus F1, beside three baselines.

    Brackets of one word and around the whole sentence do not count; see ``measures.brackets``. The baselines branch to
    the left, to the right, and at random (the mean of ``trials``). Punctuation counts as words do.

    Args:
        trials: random trees for each sentence.
    """

    name = "brackets"

    def __init__(self, trials: int = 5):
        need(1, trials=trials)
        self.trials = trials

    def __call__(self, subject: Subject) -> Figures:
        """``bracket_sentence_f1`` and ``bracket_corpus_f1``; with ``_left``, ``_right``, ``_random`` the baselines'."""
        if subject.split.spans is None:
            raise NotApplicable("the corpus has no constituents")
        known, found, sizes = [], [], []
        for x, z in _found(subject, structures.symbols, "gives sentences no constituents", least=2):
            assert x.spans is not None
            for row, words in enumerate(x.lengths.tolist()):
                gold = [(a, b) for a, b, _ in x.spans[row].tolist() if a >= 0]
                if not gold:
                    continue
                known.append(proper(gold, words))
                found.append(proper(((a, b) for a, b, _ in structures.brackets(z[row], words)), words))
                sizes.append(words)
        random = np.random.default_rng(subject.seed)
        guesses = [bracket_scores(known, [random_branching(n, random) for n in sizes]) for _ in range(self.trials)]
        figures = _named("", bracket_scores(known, found))
        figures |= _named("_left", bracket_scores(known, [left_branching(n) for n in sizes]))
        figures |= _named("_right", bracket_scores(known, [right_branching(n) for n in sizes]))
        for key in ("sentence_f1", "corpus_f1"):
            each = [value for g in guesses if (value := g[key]) is not None]
            figures |= _named("_random", {key: float(np.mean(each)) if each else None})
        return {**figures, "bracket_sentences": len(sizes)}


STRUCTURE: tuple[Measure, ...] = (Tags(), Clusters(), Attachment(), Brackets())


def _named(suffix: str, figures: dict[str, float | None]) -> dict[str, float | None]:
    return {f"bracket_{name}{suffix}": value for name, value in figures.items()}


@torch.no_grad()
def _found(
    subject: Subject, read: Callable[[Distribution], Tensor | None], lacking: str, least: int = 1
) -> Iterator[tuple[Batch, Tensor]]:
    """The judged sentences of ``least`` words or more, in batches, each with what ``read`` finds in its posterior."""
    lengths = subject.split.lengths[subject.rows]
    order = subject.rows[np.argsort(lengths, kind="stable")]
    order = order[subject.split.lengths[order] >= least]
    parts = [order[a:b] for a, b in pairwise([*range(0, len(order), 64), len(order)])]
    for part in subject.track(parts, "structures"):
        x = subject.split.batch(part).to(subject.device)
        try:
            z = read(subject.system.structure(x))
        except NoStructure as reason:
            raise NotApplicable(str(reason).rstrip(".")) from None
        if z is None:
            raise NotApplicable(f"the model {lacking}")
        yield x, z


def _annotated(values: Tensor | None) -> Tensor:
    assert values is not None
    return values >= 0


def _of(values: Tensor | None, where: object) -> NDArray[np.integer]:
    assert values is not None
    return values[where].cpu().numpy()  # type: ignore[index]


def _punctuation(subject: Subject, x: Batch) -> Tensor:
    """Words that are punctuation: bool [B, T]."""
    names, marks = subject.corpus.info.get("tag_names"), x.tags
    if names is None or marks is None:
        names, marks = subject.corpus.tokenizer.names, x.tokens
    wrong = [i for i, name in enumerate(names) if name.lower() in PUNCTUATION]
    return torch.isin(marks, torch.tensor(wrong, dtype=marks.dtype, device=marks.device))
