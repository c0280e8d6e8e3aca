"""A run's configuration: the arguments of ``train``, complete, as one YAML file that can be trained from again.

Knows nothing of what the arguments mean.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from undersong.configurable import describe_arguments, need_classes
from undersong.errors import UserError
from undersong.files import write_atomically

CONFIG = "config.yaml"  # its name in a run's folder
Config = dict[str, Any]


def configuration(function: Callable[..., Any], arguments: dict[str, Any]) -> Config:
    """The arguments of a call as plain values, every default of every chosen object included."""
    return describe_arguments(function, arguments)


def write(config: Config, path: Path) -> None:
    """Write YAML; the file is there whole or not at all."""
    write_atomically(path, yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode())


def read(path: Path) -> Config:
    """Read what ``write`` wrote.

    Raises:
        UserError: the file is missing or is not a configuration.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        within = sorted(str(found.parent) for found in path.parent.glob(f"*/{path.name}"))  # one for each seed
        advice = f"name one of those in it, such as {within[0]}" if within else "train one with `undersong train`"
        raise UserError(f"{path.parent} holds no run (no {path.name}): {advice}.") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read ({error}).") from None
    if not isinstance(config, dict):
        raise UserError(f"{path} is not a configuration: it holds no names and values.")
    return config


def instantiate(function: Callable[..., Any], config: Config) -> dict[str, Any]:
    """The objects that a configuration describes: the arguments to call ``function`` with.

    Raises:
        UserError: a name is unknown, a value does not fit, or a class cannot be imported.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    need_classes(config)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_function_arguments(function)
    try:
        made = parser.instantiate(parser.parse_object(config))
    except ArgumentError as error:
        raise UserError(f"The configuration does not fit this version of undersong: {error}") from None
    return {name: made[name] for name in inspect.signature(function).parameters}
