"""Sentences from points of the latent space: of the prior, or on the way from one sentence to another.

Knows nothing of encoders, decoders or the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from undersong.decoding.beam import Beam
from undersong.decoding.given import read
from undersong.decoding.latent import Trained, posterior, require_latent, write
from undersong.decoding.search import MAX_WORDS, Search
from undersong.distributions import keyed_sample
from undersong.errors import UserError
from undersong.models import ExactModel, Generative
from undersong.settings import lowest_bits

BEAM = Beam()


@dataclass(frozen=True)
class Sentence:
    """A sentence from a point of the latent space.

    Attributes:
        text: the unknown word stands as ``<unk>``.
        log_prob: log p(text|z) of the words, and of the end where the decoder scores it, in nats.
    """

    text: str
    log_prob: float


@dataclass(frozen=True)
class Interpolation:
    """The way from one sentence to another.

    Attributes:
        start, end: the sentences as they were read: words outside the vocabulary are marked ``<unk:word>``.
        unknown: those words, of both.
        steps: the sentences on the way, the first from the start's z, the last from the end's.
    """

    start: str
    end: str
    unknown: tuple[str, ...]
    steps: tuple[Sentence, ...]


def sample(
    run: Trained,
    n: int = 10,
    search: Search = BEAM,
    max_words: int = MAX_WORDS,
    unknown: bool = True,
    seed: int = 0,
) -> list[Sentence]:
    """Sentences from samples of the model's own prior p(z); a mixture picks a component for each.

    Args:
        run: a trained model and its tokenizer.
        n: how many.
        search: how a decoder's words are chosen (a grammar or an HMM writes by itself, and heeds neither this nor
            ``unknown``); with ``Sample()`` these are samples of p(x). A language model has no z to differ in: any other
            search gives n times the same sentence.
        max_words: most words of a sentence.
        unknown: whether the unknown word may be written.
        seed: of all noise; from a decoder the first sentences are the same however many are asked for.

    Raises:
        UserError: n is below 0, or the model writes no sentences.
    """
    if n < 0:
        raise UserError(f"{n} sentences cannot be written: ask for 0 or more.")
    model = run.system.model
    if isinstance(model, Generative):
        return _written_by(run, model, n, max_words, seed)
    if isinstance(model, ExactModel) and model.latent:
        raise UserError(
            f"a {type(model).__name__} cannot write sentences by itself: it scores vectors, or what follows a context."
        )
    with torch.no_grad():
        z = keyed_sample(run.system.model.prior().expand([n]), torch.arange(n), 1, seed)[0] if n else torch.zeros(0, 1)
    found = write(run, z.to(run.system.device), search, [max_words] * n, unknown, seed)
    return [Sentence(run.tokenizer.decode(h.words), h.log_prob) for h in found]


@torch.no_grad()
def _written_by(run: Trained, model: Generative, n: int, max_words: int, seed: int) -> list[Sentence]:
    """Sentences of a model that writes by itself: a grammar, a chain of states, a bag of words."""
    if not n:
        return []
    generator = torch.Generator(run.system.device).manual_seed(lowest_bits(seed))
    z, x = model.sample(n, max_words=max_words, generator=generator)
    log_px = run.system.model.log_likelihood(x, z[None])[0]
    rows = zip(x.tokens.tolist(), x.lengths.tolist(), log_px.tolist(), strict=True)
    return [Sentence(run.tokenizer.decode(words[:length]), value) for words, length, value in rows]


def interpolate(
    run: Trained,
    start: str,
    end: str,
    steps: int = 10,
    search: Search = BEAM,
    posterior_mean: bool = True,
    max_words: int | None = None,
    unknown: bool = True,
    seed: int = 0,
) -> Interpolation:
    """Sentences from evenly spaced points on the straight line between two sentences' latent vectors.

    z_i = (1 - i / (steps - 1)) z_start + i / (steps - 1) z_end   (Mansbridge et al. 2019, table 5)

    Args:
        run: a trained model and its tokenizer.
        start, end: any text.
        steps: how many sentences, both ends included.
        search: how words are chosen.
        posterior_mean: the ends are the means of q(z|x), else samples of it.
        max_words: most words of a sentence; by default 60, or as many as the longer of the two has if that is more.
        unknown: whether the unknown word may be written.
        seed: of all noise.

    Raises:
        UserError: fewer than two steps, a model without a latent vector, or a sentence without words.
    """
    return interpolate_all(run, [(start, end)], steps, search, posterior_mean, max_words, unknown, seed)[0]


def interpolate_all(
    run: Trained,
    pairs: Sequence[tuple[str, str]],
    steps: int = 10,
    search: Search = BEAM,
    posterior_mean: bool = True,
    max_words: int | None = None,
    unknown: bool = True,
    seed: int = 0,
) -> list[Interpolation]:
    """``interpolate`` for many pairs of sentences at once, in order."""
    require_latent(run)
    if steps < 2:
        raise UserError(f"{steps} steps cannot hold both sentences: ask for 2 or more.")
    sources = read(run.tokenizer, [text for pair in pairs for text in pair])
    ends = posterior(run, sources, posterior_mean, seed).view(len(pairs), 2, run.system.model.latent)
    share = torch.linspace(0, 1, steps, device=ends.device)[:, None]
    z = torch.lerp(ends[:, :1], ends[:, 1:], share)  # [pairs, steps, D]
    usual = [max(MAX_WORDS, a.length, b.length) for a, b in zip(sources[::2], sources[1::2], strict=True)]
    limits = [limit if max_words is None else max_words for limit in usual for _ in range(steps)]
    found = write(run, z.flatten(0, 1), search, limits, unknown, seed)
    texts = [Sentence(run.tokenizer.decode(h.words), h.log_prob) for h in found]
    return [
        Interpolation(a.text, b.text, a.unknown + b.unknown, tuple(texts[i * steps : (i + 1) * steps]))
        for i, (a, b) in enumerate(zip(sources[::2], sources[1::2], strict=True))
    ]
