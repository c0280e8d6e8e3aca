"""Objects that remember how they were made, so that a run can be written down and made again.

A class's signature is its configuration. ``describe`` turns an object (or a class, or a ``functools.partial`` of one)
into the ``class_path`` / ``init_args`` form that ``jsonargparse`` reads: what Python built and what the command line
built are written as the same YAML. Knows nothing of models, files or the command line.
"""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from undersong.errors import UserError


class Configurable:
    """Base of everything a user may choose: records the constructor's arguments, defaults included.

    >>> class Slope(Configurable):
    ...     def __init__(self, start: float, end: float = 1.0): ...
    >>> describe(Slope(0.5))["init_args"]
    {'start': 0.5, 'end': 1.0}
    """

    _arguments: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any):
        self = super().__new__(cls)
        try:
            bound = inspect.signature(cls).bind(*args, **kwargs)
        except TypeError:  # __init__ says it better; and copying makes an empty object first
            return self
        bound.apply_defaults()
        named = {name: v for name, v in bound.arguments.items() if _is_named(bound.signature.parameters[name])}
        object.__setattr__(self, "_arguments", named)
        return self


def describe(value: Any, sizes: int = 0) -> Any:
    """``value`` as plain numbers, strings, lists and dictionaries, from which ``jsonargparse`` makes it again.

    A class or a ``functools.partial`` of one stands for a factory whose sizes come later (``LSTM`` needs the
    vocabulary's size): its remaining defaults are written too, so that a later change of a default alters no old run.

    Args:
        value: a ``Configurable``, a class, a ``partial`` of a class, a path, a number, a string, or a list, tuple or
            dictionary of these.
        sizes: how many of a factory's first arguments its caller will give; they are no part of the configuration.

    Raises:
        UserError: for a function or any other object that could not be made again from a file.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [describe(v) for v in value]
    if isinstance(value, dict):
        return {str(k): describe(v) for k, v in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: describe(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Configurable):
        return _described(type(value), value._arguments)
    if isinstance(value, type):
        return _described(value, _defaults(value, sizes))
    if isinstance(value, partial):
        made = _made_by(value)
        if made is not None:
            return _described(made, {**_defaults(made, sizes), **value.keywords})
    raise UserError(
        f"{value!r} cannot be written into a run's configuration: pass an object or a class that derives from "
        "undersong's base classes, or functools.partial of such a class with keyword arguments only."
    )


def describe_arguments(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call, each described; a parameter's annotation tells which sizes its factory will be given."""
    annotated = function.__init__ if isinstance(function, type) else function  # type: ignore[misc]
    hints = get_type_hints(annotated)
    return {name: describe(v, _sizes(hints.get(name))) for name, v in arguments.items()}


def need_classes(config: Any) -> None:
    """See that Python finds every class of one's own that a configuration names by its dotted path.

    Raises:
        UserError: it does not find one.
    """
    for path in _class_paths(config):
        try:
            pkgutil.resolve_name(path)
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"There is no class {path} ({error}): run undersong in the folder that holds it, or name that "
                "folder in PYTHONPATH."
            ) from None


def _class_paths(config: Any) -> Iterator[str]:
    parts = config.values() if isinstance(config, dict) else config if isinstance(config, list) else ()
    for part in parts:
        yield from _class_paths(part)
    path = config.get("class_path") if isinstance(config, dict) else None
    if isinstance(path, str) and "." in path and not path.startswith("undersong."):
        yield path


def _described(cls: type, arguments: dict[str, Any]) -> dict[str, Any]:
    path = f"{cls.__module__}.{cls.__qualname__}"
    return {"class_path": path, "init_args": describe_arguments(cls, arguments)}


def _made_by(factory: partial[Any]) -> type | None:
    """The class that a partial makes; the command line's partials carry it as the argument of a helper."""
    if isinstance(factory.func, type) and not factory.args:
        return factory.func
    by_jsonargparse = getattr(factory.func, "__module__", "").startswith("jsonargparse")
    return factory.args[-1] if by_jsonargparse and factory.args and isinstance(factory.args[-1], type) else None


def _sizes(hint: Any) -> int:
    """Two for ``Callable[[int, int], Decoder]``."""
    return len(get_args(hint)[0]) if get_origin(hint) is Callable and get_args(hint) else 0


def _defaults(cls: type, sizes: int) -> dict[str, Any]:
    parameters = list(inspect.signature(cls).parameters.values())[sizes:]
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty and _is_named(p)}


def _is_named(parameter: inspect.Parameter) -> bool:
    """False for ``*args`` and ``**kwargs``, as ``nn.Module`` has them."""
    return parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
