"""What the prior writes: lengths against the data's, walks between sentences, variety and copies.

Knows nothing of how the model was trained.
"""

import torch

from undersong.evaluation.measure import Figures, Measure
from undersong.evaluation.subject import NotApplicable, Subject
from undersong.measures import diversity, generation
from undersong.models.base import scores_ends
from undersong.settings import need


class Lengths(Measure):
    """Lengths of samples from the prior against those of the split (AutoGen, section 3.3)."""

    name = "lengths"

    def __call__(self, subject: Subject) -> Figures:
        """See ``measures.generation.length_comparison``."""
        if not scores_ends(subject.system.model):
            raise NotApplicable("the model does not say where a sentence ends")
        split = subject.split
        real = [len(subject.words(split.ids(row).tolist())) for row in range(len(split))]
        return generation.length_comparison([len(words) for words in subject.samples], real)


class Smoothness(Measure):
    """Straight walks between the codes of pairs of sentences (AutoGen, section 3.4).

    Args:
        pairs: how many pairs of judged sentences.
        steps: codes on each walk, both ends included; at least 2.
    """

    name = "smoothness"

    def __init__(self, pairs: int = 100, steps: int = 10):
        need(1, pairs=pairs)
        need(2, steps=steps)
        self.pairs, self.steps = pairs, steps

    def __call__(self, subject: Subject) -> Figures:
        """See ``measures.generation.smoothness``."""
        return generation.smoothness(self.walks(subject))

    def walks(self, subject: Subject) -> list[list[list[str]]]:
        """The written walks, each a list of sentences of words."""
        subject.need_rewriting()
        if len(subject.rows) < 2:
            raise NotApplicable("there are fewer than two sentences to walk between")
        order = torch.randperm(len(subject.rows), generator=torch.Generator().manual_seed(subject.seed))
        pairs = min(self.pairs, len(order) // 2)
        rows = subject.rows[order[: 2 * pairs].numpy()]
        first, last = subject.codes(subject.split, rows).chunk(2)  # [P, D] each
        share = torch.linspace(0, 1, self.steps, device=first.device)[:, None]
        z = (first[:, None] + share * (last - first)[:, None]).flatten(0, 1)  # [P * steps, D]
        written = [subject.words(ids) for ids in subject.write(z, "walks", torch.arange(len(z)).numpy())]
        return [written[i : i + self.steps] for i in range(0, len(written), self.steps)]


class Diversity(Measure):
    """Do samples from the prior differ from one another and from the training split?

    Args:
        self_bleu_samples: self-BLEU grows with the number of samples, so that models compare at one number only.
    """

    name = "diversity"

    def __init__(self, self_bleu_samples: int = 500):
        need(2, self_bleu_samples=self_bleu_samples)
        self.self_bleu_samples = self_bleu_samples

    def __call__(self, subject: Subject) -> Figures:
        """``distinct_1 distinct_2``, ``self_bleu_2 self_bleu_4`` (0 to 100) and ``copied``, the share of samples that
        stand word for word in the training split."""
        samples, some = subject.samples, subject.samples[: self.self_bleu_samples]
        train = subject.corpus.train
        known = {diversity.fingerprint(subject.words(train.ids(row).tolist())) for row in range(len(train))}
        return {
            "distinct_1": diversity.distinct(samples, 1),
            "distinct_2": diversity.distinct(samples, 2),
            "self_bleu_2": diversity.self_bleu(some, 2),
            "self_bleu_4": diversity.self_bleu(some, 4),
            "self_bleu_samples": float(len(some)),
            "copied": diversity.copied(samples, known),
        }
