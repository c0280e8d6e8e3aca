"""The options that the commands which write sentences share. Knows nothing of what the commands do."""

from dataclasses import dataclass
from typing import Literal

from undersong.decoding.beam import Beam
from undersong.decoding.greedy import Greedy
from undersong.decoding.sampling import Sample
from undersong.decoding.search import Search
from undersong.errors import UserError

_OWN = {"beam": ("width", "length_penalty"), "sample": ("temperature", "top_k", "top_p")}
MOST_WORDS = 10_000


@dataclass(frozen=True)
class Writing:
    """How sentences are written.

    Args:
        search: beam (several hypotheses at once), greedy (the most probable word each time) or sample (at random).
        width: hypotheses of a beam.
        length_penalty: of a beam: log-probabilities are divided by ((5 + length) / 6) to this power.
        temperature: of a sample: below 1 sharpens, above 1 flattens.
        top_k: a sample's words come from the k most probable ones; 0 for all.
        top_p: a sample's words come from the fewest that hold this share of the probability.
        max_words: most words of a sentence; by default 60, or as many as a longer sentence that is given has.
        unknown: whether the unknown word may be written.
        precision: of matrix products: fp32, bf16, or auto for what is faster on this machine.
        seed: of all noise.
        json: print JSON.
    """

    search: Literal["greedy", "beam", "sample"] = "beam"
    width: int = 10
    length_penalty: float = 0.0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    max_words: int | None = None
    unknown: bool = True
    precision: Literal["auto", "fp32", "bf16"] = "fp32"
    seed: int = 0
    json: bool = False

    def __post_init__(self) -> None:
        if self.max_words is not None and not 1 <= self.max_words <= MOST_WORDS:
            raise UserError(f"--max-words {self.max_words}: a sentence has 1 or more, and at most {MOST_WORDS:,}.")

    def refuse(self, writer: str) -> None:
        """Refuse what only a decoder would heed, where a model writes by itself.

        Args:
            writer: the model's name.

        Raises:
            UserError: it was set to another value than its default.
        """
        for name in ("search", *(name for names in _OWN.values() for name in names), "unknown"):
            if getattr(self, name) != getattr(type(self), name):
                flag = f"--{name.replace('_', '-')}"
                raise UserError(f"{flag} is for a decoder's words, and a {writer} writes by itself: leave it out.")

    def chosen(self) -> Search:
        """The search these options ask for.

        Raises:
            UserError: an option of another search was set, which this one would not heed.
        """
        for owner, names in _OWN.items():
            for name in names:
                if owner != self.search and getattr(self, name) != getattr(type(self), name):
                    flag = f"--{name.replace('_', '-')}"
                    raise UserError(f"{flag} is an option of --search {owner}, not of {self.search}: leave one out.")
        if self.search == "greedy":
            return Greedy()
        if self.search == "beam":
            return Beam(self.width, self.length_penalty)
        return Sample(self.temperature, self.top_k, self.top_p)
