"""Clusters of sentences: which one a sentence is in and how surely, and what each cluster is about.

    p(z = k | x),   and for words  p(w | k) log [p(w | k) / p(w)],   their share in the divergence of a cluster's words

Knows nothing of files or the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from undersong.data.batch import SPECIAL, Batch
from undersong.data.store import Split
from undersong.decoding import structures
from undersong.decoding.annotating import possible
from undersong.decoding.given import read
from undersong.decoding.latent import Trained, alike
from undersong.decoding.progress import shown
from undersong.errors import NoStructure, UserError
from undersong.models.base import reads
from undersong.settings import need

AT_ONCE = 256


@dataclass(frozen=True)
class Assigned:
    """A sentence and its most probable cluster.

    Attributes:
        text: words outside the vocabulary are marked ``<unk:word>``.
        cluster: its number, from 0.
        probability: p(z = cluster | x).
    """

    text: str
    cluster: int
    probability: float


@dataclass(frozen=True)
class Cluster:
    """What a cluster is about.

    Attributes:
        cluster: its number.
        share: of the sentences, each counted by its posterior probability.
        words: the most characteristic first.
        sentences: those it is surest of, no text twice.
    """

    cluster: int
    share: float
    words: tuple[str, ...]
    sentences: tuple[str, ...]


def cluster(run: Trained, sentences: Sequence[str]) -> list[Assigned]:
    """The most probable cluster of each sentence, in order.

    Raises:
        UserError: the model has no clusters, or a sentence has no words.
    """
    sources = read(run.tokenizer, sentences)
    ids = [source.ids for source in sources]
    p = probabilities(run, ids)
    best = p.argmax(1)
    return [Assigned(source.text, int(k), float(each[k])) for source, k, each in zip(sources, best, p, strict=True)]


def describe_clusters(run: Trained, split: Split, words: int = 10, sentences: int = 3) -> list[Cluster]:
    """Every cluster that a sentence of a split may be in, the largest first.

    Args:
        run: a trained mixture.
        split: the sentences that say what the clusters are about.
        words: how many words of each.
        sentences: how many sentences of each.

    Raises:
        UserError: the model has no clusters, the split is empty, or a number is below 0.
    """
    need(0, words=words, sentences=sentences)
    if not len(split):
        raise UserError("the split is empty: choose another one.")
    ids = [split.ids(row).tolist() for row in range(len(split))]
    p = probabilities(run, ids)  # [N, K]
    each = np.stack([np.bincount(split.flat, np.repeat(k, split.lengths), len(run.tokenizer)) for k in p.T])  # [K, V]
    each[:, : len(SPECIAL)] = 0
    inside = each / np.maximum(each.sum(1, keepdims=True), 1e-300)
    overall = each.sum(0) / max(each.sum(), 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        telling = np.where(inside > 0, inside * np.log(inside / overall), 0.0)
    found = []
    for k in np.argsort(-p.sum(0), kind="stable"):
        best = [w for w in np.argsort(-telling[k], kind="stable")[:words] if telling[k, w] > 0]
        surest = _surest(run, ids, p, k, sentences)
        found.append(Cluster(int(k), float(p[:, k].mean()), tuple(run.tokenizer.tokens(best)), surest))
    return found


@torch.no_grad()
def probabilities(run: Trained, ids: Sequence[list[int]]) -> NDArray[np.float64]:
    """p(z = k | x) of each sentence, in order: [N, K].

    Raises:
        UserError: the model has no clusters, or needs more than words to find them.
    """
    wanted = reads(run.system.model)
    if wanted is not None:
        raise UserError(
            f"this {type(run.system.model).__name__} reads the {wanted} of sentences beside their words, and text has "
            "none: cluster with a model that reads words alone, such as MixtureOfUnigrams."
        )
    device = run.system.device
    answers: dict[int, NDArray[np.float64]] = {}
    for rows in shown(alike([len(i) for i in ids], AT_ONCE), len(ids), "reading"):
        q = run.system.structure(Batch.of([ids[i] for i in rows], rows).to(device))
        possible(q, rows)
        p = structures.probabilities(q)
        if p is None:
            raise NoStructure(f"a {type(run.system.model).__name__} puts sentences in no clusters: use a mixture.")
        answers.update(zip(rows, p.cpu().double().numpy(), strict=True))
    return np.stack([answers[i] for i in range(len(ids))]) if ids else np.zeros((0, run.system.model.latent))


def _surest(run: Trained, ids: Sequence[list[int]], p: NDArray[np.float64], k: int, count: int) -> tuple[str, ...]:
    own = np.flatnonzero(p.argmax(1) == k)
    found: dict[str, None] = {}
    for row in own[np.argsort(-p[own, k], kind="stable")]:
        if len(found) == count:
            break
        found.setdefault(run.tokenizer.decode(ids[row]))
    return tuple(found)
