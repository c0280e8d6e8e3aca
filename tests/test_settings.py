"""Whatever can be chosen: a number that cannot be meant is refused in one sentence, where it is given."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from tests.decoding.trained import language_model

import undersong
from undersong.configurable import Configurable
from undersong.errors import UserError
from undersong.families import LearnedPrior, Mixture, PointMass, StandardPrior

# What has no default follows from the corpus or the model, or is chosen like this.
GIVEN = {"vocab": 20, "latent": 3, "dim": 3, "count": 3, "chains": 2, "states": 3, "classes": 2, "vectors": None}
# Any number will do.
ANY = {("Refined", "seed"), ("StepwiseEM", "wait")}


def choices() -> list[type]:
    """All classes that a configuration may name, abstract ones and those of whole papers left out."""
    found: dict[str, type] = {}
    for module in pkgutil.walk_packages(undersong.__path__, "undersong."):
        if module.name.endswith((".kernels", "__main__")) or ".reproduce" in module.name:
            continue  # of Triton; of papers
        for made in vars(importlib.import_module(module.name)).values():
            ours = inspect.isclass(made) and issubclass(made, Configurable) and made.__module__.startswith("undersong")
            if ours and not inspect.isabstract(made):
                found[f"{made.__module__}.{made.__name__}"] = made
    return [found[name] for name in sorted(found)]


def settings() -> Iterator[tuple[type, str, type]]:
    """Each choice's numbers with a default."""
    for choice in choices():
        for parameter in inspect.signature(choice).parameters.values():
            if isinstance(parameter.default, int | float) and not isinstance(parameter.default, bool):
                yield choice, parameter.name, type(parameter.default)


def make(choice: type, **chosen: object) -> object:
    given: dict[str, object] = {**GIVEN, "system": language_model().system}
    parameters = inspect.signature(choice).parameters
    needed = {name: given[name] for name, p in parameters.items() if p.default is p.empty and name in given}
    return choice(**{**needed, **chosen})


@pytest.mark.parametrize(
    ("choice", "name", "kind"), [*settings()], ids=lambda each: getattr(each, "__name__", str(each))
)
def test_a_number_that_cannot_be_meant_is_refused_or_harmless(choice: type, name: str, kind: type) -> None:
    for value in (kind(-1), kind(0)):
        with suppress(UserError):  # and nothing else
            make(choice, **{name: value})
    if kind is float and (choice.__name__, name) not in ANY:
        with pytest.raises(UserError):
            make(choice, **{name: float("nan")})


def test_there_are_many() -> None:
    """Else the tests above would be of nothing."""
    assert len(list(settings())) > 80


def test_a_prior_of_one_point_is_refused() -> None:
    for family in (PointMass, partial(Mixture, component=PointMass)):
        for prior in (StandardPrior, LearnedPrior):
            with pytest.raises(UserError, match="Points are no prior"):
                prior(3, family=family)
