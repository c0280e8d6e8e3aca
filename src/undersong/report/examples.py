"""The same sentences through all runs: rewritten, completed, drawn from the prior, and between one and another.

Nothing is picked by hand: sentences are the first of the split, or drawn at random by the seed, of those that pass the
filter of AutoGen's tables (4 to 20 words, none of them unknown to any of the runs), whatever becomes of them. Knows
nothing of HTML.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from undersong.configurable import describe
from undersong.data.batch import UNK
from undersong.data.store import Corpus
from undersong.data.words import words
from undersong.decoding import Sample, Search, impute, interpolate, reconstruct, sample
from undersong.decoding.given import BLANK_WORD
from undersong.models import Generative
from undersong.report.evidence import Evidence, spoken
from undersong.report.html import Block, Paragraph, Section
from undersong.report.tables import Cell, Table
from undersong.settings import lowest_bits
from undersong.text import readable

SHORTEST, LONGEST = 4, 20  # words; AutoGen, table 1
SHARE = 0.25  # of a sentence's words; IGP, table 5


def first(runs: Sequence[Evidence], split: str, count: int) -> dict[str, list[str]]:
    """The first sentences that pass the filter, of the first run whose corpus has any, each with its words."""
    return _fitting(runs, split, count, lambda rows: np.arange(rows))


def drawn(runs: Sequence[Evidence], split: str, count: int, seed: int) -> list[str]:
    """Sentences that pass the filter, drawn at random: neighbours in a corpus are often alike."""
    return list(_fitting(runs, split, count, np.random.Generator(np.random.Philox(lowest_bits(seed))).permutation))


def why_none(runs: Sequence[Evidence], split: str) -> str:
    """Why no sentence was found, where some were wanted: a sentence."""
    if all(run.corpus is None for run in runs):
        return "No corpus of these runs is there any more: there is nothing to rewrite."
    if _corpus(runs, split) is None:
        return f"The {split} split has no sentences: there is nothing to rewrite."
    return (
        f"No sentence of the {split} split has {SHORTEST} to {LONGEST} words that all of these runs know: there is "
        "nothing to rewrite."
    )


def rewritten(
    runs: Sequence[Evidence], texts: Sequence[str], search: Search, posterior_mean: bool, seed: int, missing: str = ""
) -> Section:
    """Each sentence beside what each run writes from its latent vector (AutoGen, table 1).

    Args:
        runs: what is compared.
        texts: the sentences.
        search, posterior_mean, seed: how they are written again.
        missing: stands in the place of the table where there are no sentences.
    """
    blocks: list[Block] = [Paragraph(missing)] if missing else []
    latent = [run for run in runs if run.rewrites]
    if texts and latent:
        columns = [
            [readable(r.text) for r in reconstruct(run.run, texts, search, posterior_mean, unknown=False, seed=seed)]
            for run in latent
        ]
        rows = tuple((Cell(text), *map(Cell, line)) for text, *line in zip(texts, *columns, strict=True))
        notes = (
            f"The first {len(texts)} sentences of {SHORTEST} to {LONGEST} words, none unknown to any run; not "
            f"picked by hand. z is {_where(posterior_mean)} of q(z|x); the words are found by {_named(search)}, <unk> "
            "not allowed.",
            *_without_latent(runs),
        )
        table = Table(
            "Each sentence, and what each run writes from its z",
            ("sentence", *(r.name for r in latent)),
            rows,
            notes,
            True,
        )
        blocks = [table]
    elif texts:
        blocks = [Paragraph("None of these runs has a latent vector to rewrite a sentence from.")]
    return Section("Reconstructions", tuple(blocks))


def completed(
    runs: Sequence[Evidence], texts: Mapping[str, Sequence[str]], search: Search, posterior_mean: bool, seed: int
) -> Section:
    """The first quarter of each sentence, and what each run makes of it (IGP, table 5): the encoder reads the words
    kept, the decoder goes on from them.

    Args:
        runs: what is compared.
        texts: sentences, with their words.
        search, posterior_mean, seed: as for ``rewritten``.
    """
    latent = [run for run in runs if run.rewrites]
    begun = {text: each[: max(1, int(SHARE * len(each)))] for text, each in texts.items()}
    whole = {text: " ".join(words) for text, words in begun.items() if BLANK_WORD not in words}  # which is to be filled
    if not whole or not latent:
        return Section("Completions", ())
    kept = list(whole.values())
    columns = [
        [readable(r.text) for r in impute(run.run, kept, search, posterior_mean, unknown=False, seed=seed)]
        for run in latent
    ]
    rows = tuple(tuple(map(Cell, line)) for line in zip(whole, kept, *columns, strict=True))
    notes = (
        f"The first {SHARE:.0%} of the words are kept, rounded down, but at least one. z is "
        f"{_where(posterior_mean)} of q(z|the words kept); the rest is found by {_named(search)}, <unk> not allowed.",
        *_without_latent(runs),
    )
    named = ("sentence", "what is kept", *(run.name for run in latent))
    return Section("Completions", (Table("What each run makes of a beginning", named, rows, notes, True),))


def from_prior(runs: Sequence[Evidence], count: int, search: Search, seed: int) -> Section:
    """Sentences that each run writes from samples of its own prior (AutoGen, table 3)."""
    runs = [run for run in runs if run.writes]
    if not count or not runs:
        return Section("Sentences from the prior", ())
    # Without z, any search but sampling writes one sentence again and again.
    searches = [search if run.latent else Sample() for run in runs]
    columns = [
        [readable(s.text) for s in sample(run.run, count, how, unknown=False, seed=seed)]
        for run, how in zip(runs, searches, strict=True)
    ]
    rows = tuple(tuple(map(Cell, line)) for line in zip(*columns, strict=True))
    alone = [run.name for run in runs if isinstance(run.run.system.model, Generative)]
    plain = [run.name for run in runs if not run.latent and run.name not in alone]
    notes = [f"z is drawn from each run's own prior p(z); the words are found by {_named(search)}, <unk> not allowed."]
    if alone:
        notes.append(f"{_and(alone)}: written by the model itself, with no search, and <unk> is a word like any other.")
    if plain:
        notes.append(f"{_and(plain)}: no latent variable, so the words themselves are sampled.")
    columns_named = tuple(run.name for run in runs)
    table = Table("Written from z drawn at random", columns_named, rows, tuple(notes), prose=True, labelled=False)
    return Section("Sentences from the prior", (table,))


def walks(
    runs: Sequence[Evidence], texts: Sequence[str], steps: int, search: Search, posterior_mean: bool, seed: int
) -> Section:
    """From one sentence to another along a straight line between their latent vectors (AutoGen, table 5)."""
    latent = [run for run in runs if run.rewrites]
    if len(texts) < 2 or not latent:
        return Section("From one sentence to another", ())
    start, end = texts[:2]
    columns = [
        interpolate(run.run, start, end, steps, search, posterior_mean, unknown=False, seed=seed).steps
        for run in latent
    ]
    rows = tuple(tuple(Cell(readable(step.text)) for step in line) for line in zip(*columns, strict=True))
    lead = Paragraph(f"From “{start}” to “{end}”, drawn at random from those that fit.")
    notes: tuple[str, ...] = (
        "Evenly spaced points on the line between the two sentences' z; found and filtered as above.",
    )
    notes += _without_latent(runs)
    columns_named = tuple(run.name for run in latent)
    table = Table(f"The way, in {steps} steps", columns_named, rows, notes, prose=True, labelled=False)
    return Section("From one sentence to another", (lead, table))


def _fitting(
    runs: Sequence[Evidence], split: str, count: int, order: Callable[[int], NDArray[np.integer]]
) -> dict[str, list[str]]:
    corpus = _corpus(runs, split)
    found: dict[str, list[str]] = {}
    if corpus is None:
        return found
    sentences = getattr(corpus, split)
    for row in order(len(sentences)):
        if len(found) == count:
            break
        text = corpus.tokenizer.decode(sentences.ids(row).tolist())
        told = words(text, corpus.tokenizer.lowercase) if corpus.tokenizer.is_bpe else sentences.words(row)
        fits = SHORTEST <= len(told) <= LONGEST and text not in found
        if fits and all(UNK not in run.run.tokenizer.encode(text) for run in runs):
            found[text] = told
    return found


def _corpus(runs: Sequence[Evidence], split: str) -> Corpus | None:
    """The first corpus that is there and has such sentences."""
    there = (run.corpus for run in runs if run.corpus is not None)
    return next((corpus for corpus in there if len(getattr(corpus, split))), None)


def _without_latent(runs: Sequence[Evidence]) -> tuple[str, ...]:
    without = [run.name for run in runs if not run.rewrites]
    return (f"{_and(without)}: no latent vector to write a sentence from, left out.",) if without else ()


def _and(names: Sequence[str]) -> str:
    return " and ".join(", ".join(names).rsplit(", ", 1))


def _where(posterior_mean: bool) -> str:
    return "the mean" if posterior_mean else "a sample"


def _named(search: Search) -> str:
    return spoken(describe(search))
