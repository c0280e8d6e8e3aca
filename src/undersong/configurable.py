"""Objects that remember how they were made, so that a run can be written down and made again.

A class's signature is its configuration. ``describe`` turns an object (or a class, or a ``functools.partial`` of one)
into the ``class_path`` / ``init_args`` form that ``jsonargparse`` reads: what Python built and what the command line
built are written as the same YAML. Knows nothing of models, files or the command line.
"""

import inspect
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

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
        object.__setattr__(self, "_arguments", dict(bound.arguments))
        return self


def describe(value: Any) -> Any:
    """``value`` as plain numbers, strings, lists and dictionaries, from which ``jsonargparse`` makes it again.

    A class or a ``functools.partial`` of one stands for a factory whose sizes come later (``LSTM`` needs the
    vocabulary's size): its remaining defaults are written too, so that a later change of a default alters no old run.

    Args:
        value: a ``Configurable``, a class, a ``partial`` of a class, a path, a number, a string, or a list, tuple or
            dictionary of these.

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
        return _described(value, _defaults(value))
    if isinstance(value, partial) and isinstance(value.func, type) and not value.args:
        return _described(value.func, {**_defaults(value.func), **value.keywords})
    if hasattr(value, "class_path_and_args"):  # a factory made by the command line
        return describe(value.class_path_and_args())
    raise UserError(
        f"{value!r} cannot be written into a run's configuration: pass an object or a class that derives from "
        "undersong's base classes, or functools.partial of such a class with keyword arguments only."
    )


def _described(cls: type, arguments: dict[str, Any]) -> dict[str, Any]:
    path = f"{cls.__module__}.{cls.__qualname__}"
    return {"class_path": path, "init_args": {name: describe(v) for name, v in arguments.items()}}


def _defaults(cls: type) -> dict[str, Any]:
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
