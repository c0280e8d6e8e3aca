"""What the frozen encoder's codes say of a sentence's class: all labels, few labels, damaged sentences.

The codes are the posterior means of labelled sentences of the training split, of which the probes are trained on 64%,
stopped on 16% and judged on 20%: the encoder saw those sentences, but no label. (The IGP paper splits "representations"
80 to 20 and takes 20% of the larger part for validation; its few-shot shares, 0.1% to 100%, are of the same 64%.) Knows
nothing of how probes work.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from torch import Tensor

from undersong.data.noise import delete_words
from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.probe import Probes, ProbeTraining, predictions
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.settings import need, need_share

FEWEST = 10


@dataclass(frozen=True)
class Parts:
    """Row numbers of the training split, for training, stopping and judging probes."""

    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    test: NDArray[np.int64]

    @staticmethod
    def of(subject: Subject, sentences: int | None) -> "Parts":
        """At most ``sentences`` labelled rows, shuffled by the subject's seed, in parts of 64%, 16% and 20%."""
        subject.need_latent()
        subject.need_labels()
        labels = subject.corpus.train.labels
        assert labels is not None
        labelled = np.flatnonzero(labels >= 0)
        random = np.random.Generator(np.random.Philox(key=subject.seed))
        rows = random.permutation(labelled)[:sentences]
        if len(rows) < FEWEST:
            raise NotApplicable(f"only {len(rows)} training sentences have a label, and a probe needs {FEWEST}")
        judged, stopped = len(rows) // 5, (len(rows) - len(rows) // 5) // 5
        return Parts(rows[judged + stopped :], rows[judged : judged + stopped], rows[:judged])


class Classification(Measure):
    """Accuracy of probes on posterior means, with all labels of the training part and with few.

    Args:
        counts: labels a class for the few-shot rows; a class that has fewer gives all it has.
        sentences: at most so many sentences of the training split; None for all.
        deleted: share of each sentence's words deleted before it is encoded, for training and judging alike.
        training: of the probes.
    """

    name = "classification"

    def __init__(
        self,
        counts: tuple[int, ...] = (6, 64, 640),
        sentences: int | None = 20_000,
        deleted: float = 0.0,
        training: ProbeTraining = ProbeTraining(),  # noqa: B008 (a frozen value)
    ):
        need(1, sentences=sentences, **{"a count of labels": min(counts, default=None)})
        need_share(deleted=deleted)
        self.counts, self.sentences, self.deleted, self.training = counts, sentences, deleted, training

    def __call__(self, subject: Subject) -> Figures:
        """``accuracy`` and ``macro_f1``, means over the probes' first weights, ``accuracy_std`` over them;
        ``accuracy_majority``, what naming the commonest class would reach; ``accuracy_N`` and ``examples_N`` of a
        training with N labels a class, without early stopping, since labels to stop on would not be few."""
        classes = subject.need_labels()
        parts = Parts.of(subject, self.sentences)
        train, valid, test = (self._codes(subject, rows) for rows in (parts.train, parts.valid, parts.test))
        probes = self.training(*train, classes, subject.seed, valid, subject.track)
        found = {
            **_figures(probes, *test),
            "accuracy_majority": majority(train[1], test[1]),
            "examples": float(len(parts.train)),
        }
        for count in self.counts:
            chosen = first_of_each_class(train[1], count)
            few = self.training(train[0][chosen], train[1][chosen], classes, subject.seed, track=subject.track)
            found[f"accuracy_{count}"] = _figures(few, *test)["accuracy"]
            found[f"examples_{count}"] = float(len(chosen))
        return found

    def _codes(self, subject: Subject, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        split = subject.corpus.train
        assert split.labels is not None
        damage = partial(delete_words, rate=self.deleted, seed=subject.seed) if self.deleted else None
        z = subject.codes(split, rows, change=damage).cpu()
        return z, torch.from_numpy(split.labels[rows].astype(np.int64))


class Robustness(Measure):
    """The classification again with 30% of the words deleted from every sentence (IGP, section 4.2).

    Args:
        deleted: share of words deleted.
        sentences: as for ``Classification``.
        training: of the probes.
    """

    name = "robustness"

    def __init__(
        self,
        deleted: float = 0.3,
        sentences: int | None = 20_000,
        training: ProbeTraining = ProbeTraining(),  # noqa: B008 (a frozen value)
    ):
        Classification((), sentences, deleted, training)  # refuses what it cannot use
        self.deleted, self.sentences, self.training = deleted, sentences, training

    def __call__(self, subject: Subject) -> Figures:
        """``accuracy_damaged``, ``macro_f1_damaged`` and ``accuracy_std_damaged``."""
        found = Classification((), self.sentences, self.deleted, self.training)(subject)
        return {f"{key}_damaged": found[key] for key in ("accuracy", "macro_f1", "accuracy_std")}


def majority(labels: Tensor, judged: Tensor) -> float:
    """The accuracy of naming the commonest of ``labels``, those of the training part, whatever the sentence.

    >>> majority(torch.tensor([0, 0, 1]), torch.tensor([1, 1, 1, 0]))
    0.25
    """
    return float((judged == labels.bincount().argmax()).float().mean())


def first_of_each_class(labels: Tensor, count: int) -> Tensor:
    """Positions of the first ``count`` examples of each class, as far as they go.

    >>> first_of_each_class(torch.tensor([0, 0, 1, 0, 2]), 2).tolist()
    [0, 1, 2, 4]
    """
    each = [torch.nonzero(labels == label)[:count, 0] for label in labels.unique()]
    return torch.cat(each).sort().values


def _figures(probes: Probes, z: Tensor, labels: Tensor) -> dict[str, float | None]:
    named = predictions(probes, z)  # [K, N]
    accuracy = (named == labels).float().mean(1).cpu().double()
    return {
        "accuracy": float(accuracy.mean()),
        "accuracy_std": float(accuracy.std()) if len(accuracy) > 1 else None,
        "macro_f1": float(np.mean([macro_f1(labels.numpy(), copy.numpy()) for copy in named])),
    }


def macro_f1(truth: NDArray[np.int64], named: NDArray[np.int64]) -> float:
    """Mean F1 over the classes that occur in ``truth``; a class that is never named has F1 0."""
    return float(f1_score(truth, named, labels=np.unique(truth), average="macro", zero_division=0))
