"""The command line: each command is a public function, its signature the flags.

Only the chosen command's room is imported, so that ``undersong --help`` answers at once. Knows nothing of what the
commands do.
"""

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, get_args, get_origin

from undersong.errors import UserError

COMMANDS = {
    "prepare": ("undersong.data.prepare:prepare", "turn text into a corpus ready for training"),
    "train": ("undersong.learning:train", "train a model on a corpus"),
    "doctor": ("undersong.learning.doctor:doctor_command", "say whether a run's posterior collapsed, and what to try"),
    "evaluate": ("undersong.evaluation.command:evaluate_command", "bounds, likelihood, use of the latent variable"),
    "reconstruct": ("undersong.decoding.commands:reconstruct_command", "encode sentences and write them again"),
    "sample": ("undersong.decoding.commands:sample_command", "write sentences from the prior"),
    "interpolate": ("undersong.decoding.commands:interpolate_command", "walk from one sentence to another"),
    "impute": ("undersong.decoding.commands:impute_command", "complete sentences, or fill their blanks"),
    "encode": ("undersong.decoding.commands:encode_command", "sentences to latent vectors, in a file"),
    "compare": ("undersong.report:compare", "several runs side by side on one page"),
    "demo": ("undersong.demo:demo", "prepare, train, judge and compare two models in ten minutes"),
    "reproduce": ("undersong.reproduce:reproduce", "the experiments of a paper, beside what it reports"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0; 2 for input that cannot be used, said in one sentence; 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        print(_version())
        return 0
    if words[0] not in COMMANDS:
        print(f"undersong: there is no command {words[0]!r}.\n\n{_overview()}", file=sys.stderr)
        return 2
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # a user's own classes, by dotted path
    try:
        return _run(words[0], words[1:])
    except UserError as error:
        print(f"undersong {words[0]}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(name: str, words: list[str]) -> int:
    function = _function(name)
    parser = command_parser(function, name)
    chosen = parser.parse_args([_underscored(word) for word in words])
    made = parser.instantiate(chosen)
    arguments = {key: made[key] for key in inspect.signature(function).parameters}
    result = function(**arguments)
    return result if isinstance(result, int) else 0


def command_parser(function: Callable[..., Any], name: str) -> Any:
    """The parser of one command: the function's signature and docstring, and ``--config FILE`` of the same.

    Parameters without a default are words in their order; those with one, and keyword-only ones, are flags.
    """
    from jsonargparse import ArgumentParser

    from undersong.configurable import describe

    summary = inspect.getdoc(function) or ""
    parser = ArgumentParser(prog=f"undersong {name}", description=summary.split("\n\n")[0])
    parser.add_argument("--config", action="config", help="a YAML file with any of these arguments")
    parameters = inspect.signature(function).parameters.values()
    flags = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is not p.empty}
    lists = {p.name: p for p in parameters if p.name not in flags and get_origin(p.annotation) is list}
    words = {p.name for p in parameters} - flags - lists.keys()
    switches = {p.name for p in parameters if p.annotation is bool}
    parser.add_function_arguments(function, as_group=False, as_positional=True, skip={*flags, *lists})
    for key, parameter in lists.items():  # several words on the command line are one list
        parser.add_argument(key, nargs="*", type=get_args(parameter.annotation)[0])
    parser.add_function_arguments(function, as_group=False, skip={*words, *lists})
    for action in parser._actions:
        if action.dest in switches:  # --force alone says true
            action.nargs, action.const = "?", True
    objects = {p.name: describe(p.default) for p in parameters if _is_object(p.default)}
    parser.set_defaults(objects)
    return parser


def _underscored(word: str) -> str:
    """``--text-column`` is the parameter text_column."""
    option, equals, value = word.partition("=")
    return option[:2] + option[2:].replace("-", "_") + equals + value if option.startswith("--") else word


def _is_object(default: Any) -> bool:
    plain = (type(None), bool, int, float, str, list, tuple, dict, os.PathLike)
    return default is not inspect.Parameter.empty and not isinstance(default, plain)


def _function(name: str) -> Callable[..., Any]:
    module, _, attribute = COMMANDS[name][0].partition(":")
    return getattr(import_module(module), attribute)


def _overview() -> str:
    lines = [f"  {name:<12} {summary}" for name, (_, summary) in COMMANDS.items()]
    head = "Undersong: deep latent-variable models of natural language.\n\nusage: undersong COMMAND [arguments]\n"
    return "\n".join([head, *lines, "\n`undersong COMMAND --help` tells a command's arguments."])


def _version() -> str:
    from importlib.metadata import version

    return f"undersong {version('undersong')}"


if __name__ == "__main__":
    sys.exit(main())
