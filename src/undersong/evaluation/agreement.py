"""How much of the class survives being written again, or being completed, by the judge of classes.

    agreement = macro-F1 of the judge on reconstructions / macro-F1 of the judge on the originals

(Bosc and Vincent 2020; IGP, section 4.2). Knows nothing of how the judge works.
"""

from functools import partial

import numpy as np
import torch

from undersong.data.batch import PAD, Batch
from undersong.decoding.constraint import FREE
from undersong.evaluation.classification import macro_f1
from undersong.evaluation.judge import JudgeTraining
from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures import overlap
from undersong.settings import need, need_share


class Agreement(Measure):
    """The class information that reconstructions keep.

    Args:
        judge: how the judge of classes is made.
    """

    name = "agreement"

    def __init__(self, judge: JudgeTraining = JudgeTraining()):  # noqa: B008 (a frozen value)
        self.judge = judge

    def __call__(self, subject: Subject) -> Figures:
        """``agreement`` (None where the judge has F1 0 on the originals), ``judge_f1_original`` and
        ``judge_f1_reconstruction``."""
        subject.need_rewriting()
        subject.need_labels()
        assert subject.split.labels is not None
        truth = subject.split.labels[subject.rows].astype(np.int64)
        labelled = np.flatnonzero(truth >= 0)
        judge, scores = self.judge(subject), []
        for sentences in (subject.original_ids, subject.reconstruction_ids):
            scores.append(macro_f1(truth[labelled], judge.named([sentences[i] for i in labelled])))
        original, written = scores
        return {
            "agreement": written / original if original > 0 else None,
            "judge_f1_original": original,
            "judge_f1_reconstruction": written,
        }


class Imputation(Measure):
    """The first words kept, the rest completed: the encoder reads the words kept, the decoder goes on from
    them (IGP, section 4.3).

    Args:
        share: of each sentence's words (or pieces) that is kept, rounded down, but at least one of them.
        sentences: how many of the judged sentences.
        judge: how the judge of classes is made; without labels the class is left out.
    """

    name = "imputation"

    def __init__(
        self,
        share: float = 0.25,
        sentences: int = 1000,
        judge: JudgeTraining = JudgeTraining(),  # noqa: B008 (a frozen value)
    ):
        need(1, sentences=sentences)
        need_share(share=share)
        self.share, self.sentences, self.judge = share, sentences, judge

    def __call__(self, subject: Subject) -> Figures:
        """``imputation_bleu_2 imputation_bleu_4`` of whole sentences, the words kept included, against the originals;
        ``imputation_class_kept``, the share whose class the judge names as it does the original's, and
        ``imputation_class_right``, the share whose true class it names."""
        chosen, kept, written = self.completed(subject)
        originals = [subject.original_ids[i] for i in chosen]
        pair = [subject.words(ids) for ids in written], [subject.words(ids) for ids in originals]
        found: dict[str, float | None] = {
            "imputation_bleu_2": overlap.bleu(*pair, order=2),
            "imputation_bleu_4": overlap.bleu(*pair, order=4),
            "imputation_words_kept": float(np.mean([len(subject.words(k)) for k in kept])),
            "imputation_class_kept": None,
            "imputation_class_right": None,
        }
        try:
            judge = self.judge(subject)
        except NotApplicable:
            return found
        assert subject.split.labels is not None
        truth = subject.split.labels[subject.rows[chosen]]
        before, after = judge.named(originals), judge.named(written)
        found["imputation_class_kept"] = float((before == after).mean())
        found["imputation_class_right"] = float((truth == after)[truth >= 0].mean()) if (truth >= 0).any() else None
        return found

    def completed(self, subject: Subject) -> tuple[np.ndarray, list[list[int]], list[list[int]]]:
        """Which of the judged sentences were taken, the ids kept of each, and the completed sentences."""
        subject.need_rewriting()
        chosen = subject.choose(len(subject.rows), self.sentences)
        split, rows = subject.split, subject.rows[chosen]
        z = subject.codes(split, rows, change=partial(first_words, share=self.share))
        x = first_words(split.batch(rows), self.share)
        given = x.tokens.masked_fill(~x.mask[:, 1:], FREE)
        kept = [ids[:length].tolist() for ids, length in zip(x.tokens, x.lengths, strict=True)]
        return chosen, kept, subject.write(z, "completions", rows, given=given)


def first_words(x: Batch, share: float) -> Batch:
    """The first ``share`` of each sentence's words, rounded down, but at least one.

    >>> first_words(Batch.of([[4, 5, 6, 7, 8, 9, 10, 11], [4, 5]]), 0.25).tokens.tolist()
    [[4, 5], [4, 0]]
    """
    lengths = (x.lengths * share).long().clamp(min=1).minimum(x.lengths)
    tokens = x.tokens[:, : int(lengths.max())]
    inside = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
    return Batch(tokens.masked_fill(~inside, PAD), lengths, x.index, x.labels)
