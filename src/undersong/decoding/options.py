"""The options that the commands which write sentences share, as flags of each.

``with_options`` puts a dataclass's fields into a command's signature and docstring, from which the command line is
made: they are written down once and stay flat (``--search beam --width 5``). Knows nothing of what the commands do.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, Literal

from undersong.decoding.beam import Beam
from undersong.decoding.greedy import Greedy
from undersong.decoding.sampling import Sample
from undersong.decoding.search import MAX_WORDS, Search
from undersong.errors import UserError

_OWN = {"beam": ("width", "length_penalty"), "sample": ("temperature", "top_k", "top_p")}


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
        max_words: the longest sentence.
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
    max_words: int = MAX_WORDS
    unknown: bool = True
    precision: Literal["auto", "fp32", "bf16"] = "fp32"
    seed: int = 0
    json: bool = False

    def __post_init__(self) -> None:
        if self.max_words < 1:
            raise UserError(f"--max-words {self.max_words}: a sentence has 1 or more.")

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


def with_options(options: type) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Replace a function's parameter of type ``options`` by keyword-only ones, the dataclass's fields."""

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        signature = inspect.signature(function)
        (holder,) = (p.name for p in signature.parameters.values() if p.annotation is options)
        own = [p for p in signature.parameters.values() if p.name != holder]
        shared = [
            inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=f.type)
            for f in fields(options)
        ]
        flat = signature.replace(parameters=[*own, *shared])

        @wraps(function)
        def command(*args: Any, **kwargs: Any) -> int:
            bound = flat.bind(*args, **kwargs)
            bound.apply_defaults()
            given = dict(bound.arguments)
            return function(**{holder: options(**{p.name: given.pop(p.name) for p in shared})}, **given)

        arguments = inspect.getdoc(options) or ""
        told = f"{inspect.getdoc(function)}\n{arguments.partition('Args:')[2].strip(chr(10))}"
        del command.__wrapped__  # type: ignore[attr-defined]  # else its signature would be read instead
        command.__signature__, command.__doc__ = flat, told  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in flat.parameters.values()}
        return command

    return decorate
