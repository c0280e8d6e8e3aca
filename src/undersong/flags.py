"""Flags that are written down once: the parameters of one signature taken over into another's.

A command's signature and docstring are its flags. ``with_options`` gives it the fields of a dataclass, ``passing_on``
the keywords of another function; either way they stay flat (``--search beam --width 5``). ``telling`` tells a function
which were given at all. Knows nothing of commands.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

from docstring_parser import parse

Command = Callable[..., int]
Result = TypeVar("Result")


def with_options(options: type) -> Callable[[Command], Command]:
    """Replace a function's parameter of type ``options`` by keyword-only ones, the dataclass's fields."""

    def decorate(function: Command) -> Command:
        own = inspect.signature(function).parameters.values()
        (holder,) = (p.name for p in own if p.annotation is options)
        shared = [
            inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=f.type)
            for f in fields(options)
        ]
        return _flat(function, holder, shared, options, lambda given: {holder: options(**given)})

    return decorate


def passing_on(other: Callable[..., Any]) -> Callable[[Command], Command]:
    """Replace a function's ``**keywords`` by the keyword-only parameters of ``other`` that it does not name."""

    def decorate(function: Command) -> Command:
        own = inspect.signature(function).parameters
        (holder,) = (p.name for p in own.values() if p.kind is p.VAR_KEYWORD)
        theirs = inspect.signature(other).parameters.values()
        shared = [p for p in theirs if p.kind is p.KEYWORD_ONLY and p.name not in own]
        return _flat(function, holder, shared, other, lambda given: given)

    return decorate


def telling(function: Callable[..., Result]) -> Callable[..., Result]:
    """Fill a function's parameter ``told`` with the names of the arguments that it is called with."""
    signature = inspect.signature(function)
    public = signature.replace(parameters=[p for p in signature.parameters.values() if p.name != "told"])

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Result:
        return function(*args, **kwargs, told=frozenset(public.bind(*args, **kwargs).arguments))

    del called.__wrapped__  # type: ignore[attr-defined]  # else its signature would be read instead
    called.__signature__ = public  # type: ignore[attr-defined]
    return called


def _flat(
    function: Command,
    holder: str,
    shared: Sequence[inspect.Parameter],
    source: Callable[..., Any],
    fold: Callable[[dict[str, Any]], dict[str, Any]],
) -> Command:
    """``function`` with the parameters ``shared``, as ``source`` describes them, in the place of ``holder``.

    ``fold`` makes of their values what the function is called with.
    """
    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.name != holder]
    flat = signature.replace(parameters=[*own, *shared])

    @wraps(function)
    def command(*args: Any, **kwargs: Any) -> int:
        bound = flat.bind(*args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        taken = {p.name: given.pop(p.name) for p in shared}
        return function(**given, **fold(taken))

    known = {p.arg_name: p.description or "" for p in parse(inspect.getdoc(source) or "").params}
    told = [f"    {p.name}: {known[p.name]}".replace("\n", "\n        ") for p in shared]
    del command.__wrapped__  # type: ignore[attr-defined]  # else its signature would be read instead
    command.__signature__ = flat  # type: ignore[attr-defined]
    command.__doc__ = "\n".join([inspect.getdoc(function) or "", *told])
    command.__annotations__ = {p.name: p.annotation for p in flat.parameters.values()}
    return command
