"""Sentences written again from their own latent vectors: whole (reconstruct), or from what is left of them (impute).

Knows nothing of encoders, decoders or the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from undersong.data.batch import SPECIAL, UNK
from undersong.data.tokens import Tokenizer
from undersong.data.words import join
from undersong.decoding.beam import Beam
from undersong.decoding.constraint import BLANK
from undersong.decoding.given import Source, read
from undersong.decoding.latent import Trained, posterior, refuse_structures, require_latent, write
from undersong.decoding.search import MAX_WORDS, Search
from undersong.errors import UserError

BEAM = Beam()
_PIECES = 10  # of the word in a blank: enough for nearly any


@dataclass(frozen=True)
class Rewriting:
    """A sentence and what became of it.

    Attributes:
        source: as it was read: words outside the vocabulary are marked ``<unk:word>``.
        unknown: those words.
        text: what was written; the unknown word stands as ``<unk>``, one that was given as ``<unk:word>``.
        log_prob: log p(text|z) of the words, and of the end where the decoder scores it, in nats.
    """

    source: str
    unknown: tuple[str, ...]
    text: str
    log_prob: float


def reconstruct(
    run: Trained,
    sentences: Sequence[str],
    search: Search = BEAM,
    posterior_mean: bool = True,
    max_words: int | None = None,
    unknown: bool = True,
    seed: int = 0,
) -> list[Rewriting]:
    """Encode each sentence and write it again.

    Args:
        run: a trained model and its tokenizer.
        sentences: any text.
        search: how words are chosen.
        posterior_mean: z is the mean of q(z|x), else a sample of it.
        max_words: most words written; by default 60, or as many as the sentence has if it is longer.
        unknown: whether the unknown word may be written.
        seed: of all noise; that of a sentence depends on it and on the sentence's place in the list alone.

    Returns:
        One for each sentence, in order.

    Raises:
        UserError: the model has no latent vector, or a sentence has no words.
    """
    require_latent(run)
    sources = read(run.tokenizer, sentences)
    return _rewritten(run, sources, search, posterior_mean, max_words, unknown, seed, given=False)


def impute(
    run: Trained,
    sentences: Sequence[str],
    search: Search = BEAM,
    posterior_mean: bool = True,
    max_words: int | None = None,
    unknown: bool = True,
    seed: int = 0,
) -> list[Rewriting]:
    """Complete sentences of which a first part is given, or whose blanks are to be filled.

    The word ``_`` is a blank: exactly one known word, of however many pieces where the vocabulary is of pieces. A text
    with blanks is a whole sentence, of as many words; one without is a first part, and what follows is free. z comes
    from q(z | the words given, blanks as the unknown word); pieces know no such word, and blanks are left out there.

    Args:
        run: a trained model and its tokenizer; a language model will do.
        sentences: first parts, or sentences with blanks.
        search: how the missing words are chosen; beam search weighs those before a given word by what follows.
        posterior_mean: z is the mean of q, else a sample of it.
        max_words: most words (or pieces) of a completed sentence; by default 60, or more where more are given, with ten
            for each blank.
        unknown: whether the unknown word may be written after a first part.
        seed: of all noise; that of a sentence depends on it and on the sentence's place in the list alone.

    Returns:
        One for each sentence, in order; ``log_prob`` counts the given words too.

    Raises:
        UserError: a sentence has no words, or more than ``max_words``; or z is no vector.
    """
    refuse_structures(run)
    sources = read(run.tokenizer, sentences, blanks=True)
    for row, source in enumerate(sources, 1):
        if max_words is not None and source.length > max_words:
            kind = "pieces" if run.tokenizer.is_bpe else "words"
            raise UserError(
                f"sentence {row} has {source.length} {kind} already, and max_words is {max_words}: raise it, or "
                "leave it out."
            )
    return _rewritten(run, sources, search, posterior_mean, max_words, unknown, seed, given=True)


def _rewritten(
    run: Trained,
    sources: list[Source],
    search: Search,
    posterior_mean: bool,
    max_words: int | None,
    unknown: bool,
    seed: int,
    given: bool,
) -> list[Rewriting]:
    z = posterior(run, sources, posterior_mean, seed)
    lengths = [s.length for s in sources]
    usual = [max(MAX_WORDS, s.length + _PIECES * s.fixed.count(BLANK)) for s in sources]
    limits = usual if max_words is None else [max_words] * len(sources)
    fixed = [s.fixed for s in sources] if given else None
    found = write(run, z, search, limits, unknown, seed, fixed, lengths)
    return [
        Rewriting(s.text, s.unknown, _shown(run.tokenizer, s if given else None, h.words), h.log_prob)
        for s, h in zip(sources, found, strict=True)
    ]


def _shown(tokenizer: Tokenizer, source: Source | None, words: Sequence[int]) -> str:
    """What was written; of a source that it completes, the words outside the vocabulary are named."""
    if source is None or not source.unknown:
        return tokenizer.decode(words)
    lacking = iter(source.unknown)
    kept = [i for i in words if i == UNK or i >= len(SPECIAL)]
    given = [*source.fixed, *[BLANK] * len(kept)]
    each = zip(kept, given, strict=False)
    return join([f"<unk:{next(lacking)}>" if i == fixed == UNK else tokenizer.names[i] for i, fixed in each])
