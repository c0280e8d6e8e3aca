"""Between sentences and latent vectors, many at a time: encode, and the two halves every use is made of.

Sentences are taken in batches of like length and answered in the order they came in. Knows nothing of the command line.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undersong.data.batch import Batch
from undersong.data.tokens import Tokenizer
from undersong.decoding.constraint import FREE
from undersong.decoding.given import Source, read
from undersong.decoding.progress import shown
from undersong.decoding.search import Hypothesis, Search
from undersong.decoding.spelling import Spelling
from undersong.distributions import keyed_sample
from undersong.draw import FINAL
from undersong.errors import UserError
from undersong.learning.system import System
from undersong.models import ExactModel
from undersong.nets import Decoder

ROWS = 640  # hypotheses written at once; more gain little on a CPU


class Trained(Protocol):
    """What using a model takes: a ``Run`` has it."""

    @property
    def system(self) -> System: ...

    @property
    def tokenizer(self) -> Tokenizer: ...


def encode(run: Trained, sentences: Sequence[str], posterior_mean: bool = True, seed: int = 0) -> NDArray[np.float32]:
    """The means of q(z|x), or samples of it, a row for each sentence in the order given: [N, D].

    Words outside the vocabulary are read as the unknown word.

    Args:
        run: a trained model and its tokenizer.
        sentences: any text.
        posterior_mean: the means, else a sample for each sentence.
        seed: of the samples' noise, keyed by the row.

    Raises:
        UserError: the model has no latent vector, or a sentence has no words.
    """
    require_latent(run)
    return posterior(run, read(run.tokenizer, sentences), posterior_mean, seed).cpu().numpy()


def require_latent(run: Trained) -> None:
    """Refuse a model without a latent vector."""
    refuse_structures(run)
    if not run.system.model.latent:
        raise UserError(
            f"a {type(run.system.model).__name__} has no latent vector to encode a sentence in: "
            "sample and impute work with it; for the rest use a model that has one, such as a VAE."
        )


def refuse_structures(run: Trained) -> None:
    """Refuse a model whose z is a cluster, a tag sequence or a tree."""
    if isinstance(run.system.model, ExactModel) and run.system.model.latent:
        raise UserError(
            f"a {type(run.system.model).__name__} has no latent vector: tag, parse or cluster show what it finds in a "
            "sentence, and sample what it writes."
        )


def posterior(run: Trained, sources: Sequence[Source], mean: bool = True, seed: int = 0) -> Tensor:
    """One z of q(z|x) for each sentence: its mean, or a sample keyed by (seed, row): [N, D], on the model's device."""
    device = run.system.device
    z = torch.zeros(len(sources), run.system.model.latent, device=device)
    with torch.no_grad():
        for rows in shown(alike([len(s.ids) for s in sources], ROWS), len(sources), "reading"):
            x = Batch.of([sources[i].ids for i in rows], rows).to(device)
            q = run.system.posterior(x, FINAL)
            z[rows] = q.mean if mean else keyed_sample(q, x.index, 1, seed)[0]
    return z


def write(
    run: Trained,
    z: Tensor,
    search: Search,
    max_words: Sequence[int],
    unknown: bool,
    seed: int,
    fixed: Sequence[Sequence[int]] | None = None,
    lengths: Sequence[int] | None = None,
) -> list[Hypothesis]:
    """A sentence from each z [N, D], in order.

    Args:
        run: a trained model and its tokenizer.
        z: on the model's device.
        search: how.
        max_words: most words of each sentence.
        unknown: whether the unknown word may be written.
        seed: of the search's noise, keyed by the row.
        fixed: what each sentence must hold, as in ``Source``.
        lengths: words to expect of each sentence: those alike are written together.
    """
    decoder = getattr(run.system.model, "decoder", None)
    if not isinstance(decoder, Decoder):
        raise UserError(f"a {type(run.system.model).__name__} has no decoder to write sentences with.")
    answers: dict[int, Hypothesis] = {}
    spelling = Spelling.of(run.tokenizer) if run.tokenizer.is_bpe and fixed is not None else None
    parts = alike(lengths or [0] * len(z), max(1, ROWS // search.rows))
    for rows in shown(parts, len(z), "writing"):
        given = None if fixed is None else _padded([fixed[i] for i in rows])
        limits, keys = torch.tensor([max_words[i] for i in rows]), torch.tensor(rows)
        found = search(decoder, z[rows], limits, given, unknown, keys, seed, spelling)
        answers.update(zip(rows, found, strict=True))
    return [answers[i] for i in range(len(z))]


def alike(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """All rows, in parts of at most ``size``, those of like length together; the longest first, which fail first."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _padded(fixed: Sequence[Sequence[int]]) -> Tensor:
    given = torch.full((len(fixed), max(map(len, fixed))), FREE)
    for row, words in enumerate(fixed):
        given[row, : len(words)] = torch.tensor(words)
    return given
