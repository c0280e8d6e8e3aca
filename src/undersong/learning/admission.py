"""Whether a system can be trained on a corpus: asked before anything is written.

Of the sentences only those are tried that are likeliest to be refused. Knows nothing of folders.
"""

import numpy as np
import torch

from undersong.data.store import Corpus, Split
from undersong.errors import UserError
from undersong.families import Family
from undersong.inference import Exact
from undersong.learning.base import Learner
from undersong.learning.system import System
from undersong.models.base import believable

_SAID = {"labels": "classes", "tags": "tags", "heads": "heads", "spans": "constituents"}


def need_fitting(system: System, corpus: Corpus) -> None:
    """The choices fit each other, and the corpus has what they read.

    Raises:
        UserError: they do not, or it has not.
    """
    model, inference, objective = (type(part).__name__ for part in (system.model, system.inference, system.objective))
    if system.model.latent == 0 and not isinstance(system.inference, Exact):
        raise UserError(f"{model} has no latent variable to infer: leave --inference as it is, or set it to Exact.")
    if system.objective.needs_density and not getattr(system.inference, "family", Family).has_density:
        raise UserError(
            f"The posterior is a point mass, which has no density, and {objective} needs one: use the Autoencoder "
            "objective, or another family (DiagonalGaussian, IsotropicGaussian)."
        )
    if not len(corpus.train):
        raise UserError(f"{corpus.folder} has no sentences to train on: prepare it again.")
    for part in system.modules():
        made_of = getattr(part, "made_of", None)
        if made_of not in (None, corpus.tokenizer.mark):
            raise UserError(
                f"{type(part).__name__} is made of vectors for other words than those of {corpus.folder}, though as "
                "many: make them from this corpus."
            )
    read = believable(system.model)
    kinds = " or ".join(_SAID[name] for name in read) or "annotation"
    if system.inference.believes and not any(_known(corpus.train, name) for name in read):
        raise UserError(
            f"The training sentences of {corpus.folder} have no {kinds}, which is what {inference} can believe of "
            f"{model}: leave --inference alone, or prepare a corpus with such annotation."
        )


def need_possible(system: System, learner: Learner, corpus: Corpus, seed: int) -> None:
    """The learner takes training sentences, and a held-out one, where there is one, is judged as all will be.

    Raises:
        UserError: a sentence is refused, or cannot be judged.
    """
    training = system.training
    system.eval()
    try:
        learner.check(corpus.train.batch(_hardest(corpus.train)))
        if len(corpus.valid):
            _judge(system, corpus.valid, seed)
    finally:
        system.train(training)


@torch.no_grad()
def _judge(system: System, split: Split, seed: int) -> None:
    try:
        d = system.judge(split.batch([int(split.lengths.argmin())]), seed)
    except NotImplementedError as error:
        raise UserError(f"Held-out sentences could not be judged: {error}") from None
    if system.objective.by_dimension and d.parts is not None and d.parts.shape[1] == 1 < system.model.latent:
        raise UserError(
            f"{type(system.objective).__name__} counts the KL of each dimension, which with this prior is known of all "
            "together only: use FreeBitsSentence, or a prior and a posterior of one family without mixtures."
        )


def _known(split: Split, name: str) -> bool:
    """Whether any sentence has such annotation."""
    values = getattr(split, name)
    return values is not None and bool(values.max(initial=-1) >= 0)


def _hardest(split: Split) -> list[int]:
    """The rows of the shortest sentence and of those with the largest label and the largest tag."""
    rows = {int(split.lengths.argmin())}
    if split.labels is not None:
        rows.add(int(split.labels.argmax()))
    if split.tags is not None and len(split.tags):
        rows.add(int(np.searchsorted(split.offsets, split.tags.argmax(), "right")) - 1)
    return sorted(rows)
