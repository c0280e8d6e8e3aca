"""Which runs may be ranked against each other: those that score the same event with the same words.

A likelihood is of an event. Two models whose vocabularies differ (what is <unk> to one is a word to the other), whose
sentences differ, or of which one scores the end of a sentence and the other does not, have figures in the same unit
that nonetheless say nothing of each other. Knows nothing of pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from hashlib import sha256

from undersong.report.evidence import Evidence, Figures


@dataclass(frozen=True)
class Scored:
    """What a run's likelihood is a likelihood of; equal for runs that may be ranked.

    Attributes:
        event: as ``evaluate`` names it.
        vocabulary: the words known.
        data: the corpus's content.
        sentences: how many, of which split; how many tokens they are follows from the event.
    """

    event: str
    vocabulary: str
    data: str
    sentences: str

    @staticmethod
    def by(evidence: Evidence) -> "Scored":
        """What this run was scored on."""
        figures, info = evidence.figures, evidence.run.info
        words = evidence.run.tokenizer.names
        vocabulary = f"{len(words):,} words, {_short_hash(words)}"
        sentences = f"{counted(figures, 'sentences')} sentences"
        return Scored(
            event=str(figures.get("event", "not named")).partition(", vocabulary")[0],  # which stands by itself
            vocabulary=vocabulary,
            data=str(info["corpus"])[:12],
            sentences=f"{figures.get('split', 'unknown')} split, {sentences}",
        )


_SAMPLING = ("nll_is_sentences", "samples")  # how many tokens they are follows within a group
WORDS = {
    "event": "the event scored",
    "vocabulary": "the vocabulary",
    "data": "the corpus",
    "sentences": "the sentences judged",
}


def groups(runs: Sequence[Evidence]) -> list[tuple[Scored, list[Evidence]]]:
    """The runs, those that may be ranked together; in the order of their first."""
    found: dict[Scored, list[Evidence]] = {}
    for run in runs:
        found.setdefault(Scored.by(run), []).append(run)
    return list(found.items())


def why_apart(scored: Sequence[Scored]) -> str:
    """A sentence on why several groups are not ranked against each other; empty for one group.

    >>> why_apart([Scored("words", "9 words", "a", "5"), Scored("words", "7 words", "a", "5")])
    'These runs are not all ranked against each other, because they differ in the vocabulary: ...'
    """
    if len(scored) < 2:
        return ""
    differing = [f.name for f in fields(Scored) if len({getattr(s, f.name) for s in scored}) > 1]
    reasons = " and ".join(", ".join(WORDS[name] for name in differing).rsplit(", ", 1))
    return (
        f"These runs are not all ranked against each other, because they differ in {reasons}: a likelihood or a "
        "perplexity of one event says nothing of another. Each table below holds runs that may be compared."
    )


def sampled_alike(group: Sequence[Evidence]) -> bool:
    """Whether the sampled likelihoods of a group are of the same sentences, by as many samples."""
    known = [run.figures for run in group if run.figures.get("nll_is") is not None]
    return len({tuple(figures.get(key) for key in _SAMPLING) for figures in known}) < 2


def precisions(group: Sequence[Evidence]) -> dict[str, list[str]]:
    """At which precisions the figures of a group were computed, and of which runs; those that do not say are left out.

    Figures of several differ by rounding too, which in bf16 may be more than what the models differ by.
    """
    found: dict[str, list[str]] = {}
    for run in group:
        if (precision := run.figures.get("precision")) is not None:
            found.setdefault(str(precision), []).append(run.name)
    return found


def counted(figures: Figures, key: str) -> str:
    """A number of sentences or of tokens, as it is written; "unknown" where the figures do not say it."""
    value = figures.get(key)
    return f"{value:,}" if isinstance(value, int) else "unknown"


def _short_hash(words: Sequence[str]) -> str:
    return sha256("\n".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:8]
