"""What the command line's parser says to a person: help of a readable length, mistakes in a sentence.

Everything else is ``jsonargparse``'s. Knows nothing of commands.
"""

import inspect
import re
from argparse import Action
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, get_args

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, DefaultHelpFormatter

from undersong.files import reason

_NO_CLASS = re.compile(r"Expected a dot import path string: (\S+)")
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list in brackets, such as [0.8,0.1,0.1]",
    "list": "a list in brackets, [x] or [x,y]",
}
_OWN = "or the dotted path of your own"
_SAID = re.compile(rf"there is no class '.*?{_OWN}(?: \([^)]*\))?")
_OPTION = re.compile(r"(?:Option '|class: unrecognized arguments: --)([\w.]+)(?:' is not accepted|=)")
_MODULE = re.compile(
    r"(?:([\w.]+)\] expects a function or a callable class: |Problem with given class_path '(?P<named>[\w.]+)':\s+)"
    r"(?P<why>No module named '[\w.]+'|module '[\w.]+' has no attribute '\w+')"
    r"(?:\. Got value: (?:Namespace\(class_path=')?(?P<got>[\w.]*\w))?"
)
_VALUE = re.compile(r"(Expected a [^\n]*?\. Got value: [^\n]*?)(?=\. Got value: |$)")
_OR_NULL = re.compile(
    r"Does not validate against any of the Union subtypes\n[^\n]*, <class 'NoneType'>\]\n\s*Errors:\n\s*- (.*?)\n"
    r"\s*- Expected a <class 'NoneType'>\n[^\n]*\n\s*Given value: ",
    re.DOTALL,
)
_FACTORY = re.compile(r"Callable\[\[([^\]]+)\]")
_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_CLASS = re.compile(r"class_path[ =]'([\w.]+)'")


class _Help(DefaultHelpFormatter):
    """Names the classes to choose from where they derive from a base of ours: of torch's there are hundreds."""

    def _get_help_string(self, action: Action) -> str:
        text = super()._get_help_string(action)
        before, _, listed = text.partition(", known subclasses: ")
        return f"{before})" if listed.startswith("torch.") else text


class Parser(ArgumentParser):
    """A command's parser."""

    def __init__(self, *args: Any, **kwargs: Any):
        kwargs.setdefault("formatter_class", _Help)
        super().__init__(*args, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Leave with 2 and what was wrong, without the list of all arguments."""
        message = _NO_CLASS.sub(lambda found: self._no_class(found[1], message), message)
        if not self.exit_on_error:
            super().error(message, ex)
        self.exit(2, f"{self.prog}: {plain(message)}\n`{self.prog} --help` tells its arguments.\n")

    def _no_class(self, name: str, message: str) -> str:
        """What to say of a class that is not there; an object's own arguments have a parser of their own, as this."""
        keys = re.findall(r'Parser key "([^"]+)"', message)[-1:]
        hints = [getattr(action, "_typehint", None) for action in self._actions if action.dest in keys]
        known = ["a number"] if any(float in get_args(hint) for hint in hints) else []
        known += sorted({cls.__name__ for hint in hints for base in _bases(hint) for cls in _choices(base)})
        return f"there is no class '{name}': take {', '.join(known) or 'one that --help names'}, {_OWN}"


class ConfigFile(ActionConfigFile):
    """``--config FILE``.

    Args:
        reread: what a file's arguments are where they are not what it says; None where they are.
    """

    def __init__(self, reread: Callable[[Path], dict[str, Any] | None] | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.reread = reread

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        try:
            names = yaml.safe_load(Path(values).read_text(encoding="utf-8"))
        except OSError as error:
            parser.error(f"--config: {values} cannot be read: {reason(error)}")
        except (ValueError, yaml.YAMLError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f", wrong in line {mark.line + 1}" if mark else ""
            parser.error(f"--config: {values} is no YAML file{line}: {getattr(error, 'problem', error)}")
        if not isinstance(names, dict):
            parser.error(f"--config: {values} holds no arguments: write each as `name: value` on a line of its own")
        config = self.reread(Path(values)) if self.reread else None
        super().__call__(parser, cfg, values if config is None else yaml.safe_dump(config), option_string)


def plain(message: str) -> str:
    """The library's message in this command line's words: where, what, and of a wrong option what there is.

    >>> plain('Parser key "epochs":\\n  Expected a number')
    '--epochs: Expected a number'
    >>> within = "there is no class 'Delta': take Mixture, or the dotted path of your own"
    >>> plain(f'Parser key "inference": Type Callable expects a class: Parser key "family": {within}. Got: Namespace()')
    "--inference.family: there is no class 'Delta': take Mixture, or the dotted path of your own"
    >>> option = "Option 'n' is not accepted. Got value: Namespace(class_path='undersong.AutoGen')"
    >>> plain(f'Parser key "objective": Type Callable expects a class: {option}')
    '--objective.n: AutoGen has no such option: it takes m, samples'
    """
    message = _MODULE.sub(_no_module, _OR_NULL.sub(r"\1. Got value: ", message))
    said = _SAID.search(message) or _OPTION.search(message) or _VALUE.search(message)
    keys = re.findall(r'Parser key "([^"]+)"', message[: said.start()] if said else message)
    where = f"--{'.'.join(keys)}"
    if said and said.re is _OPTION:
        return f"--{'.'.join([*keys, said[1]])}: {_no_option(message[: said.start()], message[said.end() :])}"
    if said and said.re is _SAID:
        return f"{where}: {said[0]}"
    if said and len(keys) > 1:
        return f"{where}: {_kinds(said[1])}"
    return re.sub(r'Parser key "([^"]+)":\s*', r"--\1: ", _kinds(message))


def _no_module(found: re.Match[str]) -> str:
    """What to say of a dotted path that leads nowhere: of one's own, or where one of our classes is asked for."""
    path = found["named"] or found["got"]
    module, _, name = (found[1] or "").rpartition(".")
    ours = module.startswith("undersong.")
    known = sorted(cls.__name__ for cls in _choices(getattr(import_module(module), name))) if ours else []
    looked = "" if path.startswith("undersong.") else f" ({found['why']}, in this folder or in PYTHONPATH)"
    return f"there is no class '{path}': take {', '.join(known) or 'one that --help names'}, {_OWN}{looked}"


def _kinds(message: str) -> str:
    """Types by what they are to a person."""
    message = re.sub(r"Expected a <class '(\w+)'>", lambda kind: f"Expected {_KINDS.get(kind[1], kind[0])}", message)
    return re.sub(r"Expected a typing\.Literal\[([^]]*)\]", r"Expected one of \1", message)


def _no_option(before: str, after: str) -> str:
    """What to say of an option that a class does not take, or that others give it; of the message around it."""
    *_, asked = _FACTORY.split(before)
    named = _CLASS.findall(asked)  # an object of a given class, asked for within whatever class
    owner = named[-1:] or _CLASS.findall(after)[:1]
    if not owner:
        return "there is no such option"
    given = 0 if named or "Callable[[" not in before else _FACTORY.findall(before)[-1].count(",") + 1
    module, _, name = owner[0].rpartition(".")
    try:
        known = [*inspect.signature(getattr(import_module(module), name)).parameters.values()][given:]
    except (ImportError, AttributeError, TypeError, ValueError):
        return f"{name} has no such option"
    return f"{name} has no such option: it takes {', '.join(p.name for p in known if p.kind not in _REST) or 'none'}"


def _bases(hint: Any) -> Iterator[type]:
    """Our classes that a type hint asks for: of ``Callable[[int], Family] | None``, Family."""
    if isinstance(hint, type) and hint.__module__.startswith("undersong."):
        yield hint
    for part in get_args(hint):
        yield from _bases(part)


def _choices(base: type) -> Iterator[type]:
    """A class and those that derive from it, but for what cannot be made or is private."""
    if not inspect.isabstract(base) and not base.__name__.startswith("_"):
        yield base
    narrower: list[type] = base.__subclasses__()
    for derived in narrower:
        yield from _choices(derived)
