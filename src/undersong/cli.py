"""The command line: each command is a public function, its signature the flags.

Only the chosen command's room is imported, so that ``undersong --help`` answers at once. Knows nothing of what the
commands do.
"""

import inspect
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, get_args, get_origin

from undersong.errors import UserError
from undersong.files import reason
from undersong.memory import keep_freed
from undersong.settings import need_text

COMMANDS = {
    "prepare": ("undersong.data.prepare:prepare", "turn text into a corpus ready for training"),
    "vectors": ("undersong.data.vectors:write_vectors", "word vectors of a corpus, for models that emit vectors"),
    "train": ("undersong.learning:train", "train a model on a corpus"),
    "doctor": ("undersong.learning.doctor:doctor_command", "say whether a run's posterior collapsed, and what to try"),
    "evaluate": ("undersong.evaluation.command:evaluate_command", "bounds, likelihood, use of the latent variable"),
    "reconstruct": ("undersong.decoding.commands:reconstruct_command", "encode sentences and write them again"),
    "sample": ("undersong.decoding.commands:sample_command", "write sentences from the prior"),
    "interpolate": ("undersong.decoding.commands:interpolate_command", "walk from one sentence to another"),
    "impute": ("undersong.decoding.commands:impute_command", "complete sentences, or fill their blanks"),
    "encode": ("undersong.decoding.commands:encode_command", "sentences to latent vectors, in a file"),
    "tag": ("undersong.decoding.structure_commands:tag_command", "the state of each word, from a hidden Markov model"),
    "parse": ("undersong.decoding.structure_commands:parse_command", "trees, from a grammar or a dependency model"),
    "cluster": ("undersong.decoding.structure_commands:cluster_command", "clusters of sentences, and their words"),
    "compare": ("undersong.report:compare", "several runs side by side on one page"),
    "demo": ("undersong.demo:demo", "prepare, train, judge and compare two models in ten minutes"),
    "reproduce": ("undersong.reproduce:reproduce", "the experiments of a paper, beside what it reports"),
}

CONFIG_FILES = {"train": "undersong.learning.run:config_of_run"}  # where a file's arguments are not just what it says


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0; 2 for input that cannot be used, said in one sentence; 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    said_by = f"undersong {words[0]}" if words and words[0] in COMMANDS else "undersong"
    _ready_streams()
    try:
        with _stoppable(), _flushing():
            return _answer(words)
    except UserError as error:
        print(f"{said_by}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as head, has enough
        _drop_output()
        return 0
    except OSError as error:
        _drop_output()
        print(f"{said_by}: {error.filename or 'a file or standard output'}: {reason(error)}.", file=sys.stderr)
        return 2


def _answer(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        print(_version())
        return 0
    if words[0] not in COMMANDS:
        print(f"undersong: there is no command {words[0]!r}.\n\n{_overview()}", file=sys.stderr)
        return 2
    need_text(*words)
    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise UserError("The folder that this shell is in is not there any more: go to another one.") from None
    if here not in sys.path:
        sys.path.append(here)  # a user's own classes, by dotted path
    keep_freed()
    return _run(words[0], words[1:])


def _ready_streams() -> None:
    """Where a stream is closed, what is said goes nowhere; no terminal of few characters stops a command."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (to the end)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _flushing() -> Iterator[None]:
    """See what was printed off while it can still be told that it went nowhere."""
    try:
        yield
    except SystemExit:  # after help
        sys.stdout.flush()
        raise
    sys.stdout.flush()


def _drop_output() -> None:
    """What standard output does not take goes nowhere, and the interpreter's end has nothing to say of it."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM and SIGHUP end the command as Ctrl-C does: what was begun is cleared away."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(name: str, words: list[str]) -> int:
    function, parser, chosen = parsed(name, words)
    made = parser.instantiate(chosen)
    told = parser.parse_args(_in_order(function, words), defaults=False)  # a command may ask what was left alone
    result = function(**{key: made[key] for key in inspect.signature(function).parameters if key in told})
    return result if isinstance(result, int) else 0


def parsed(name: str, words: Sequence[str]) -> tuple[Callable[..., Any], Any, Any]:
    """A command's function, its parser, and what the parser made of what was typed after the command's name.

    Raises:
        SystemExit: it made nothing of it, and has said why.
    """
    function = _function(name)
    parser = command_parser(function, name)
    return function, parser, parser.parse_args(_in_order(function, words))


def _in_order(function: Callable[..., Any], words: Sequence[str]) -> list[str]:
    switches = {p.name for p in inspect.signature(function).parameters.values() if p.annotation is bool}
    return _flags_first(list(words), switches)


def command_parser(function: Callable[..., Any], name: str) -> Any:
    """The parser of one command: the function's signature and docstring, and ``--config FILE`` of the same.

    Parameters without a default are words in their order; those with one, and keyword-only ones, are flags.
    """
    from docstring_parser import parse

    from undersong.configurable import describe
    from undersong.parser import ConfigFile, Parser

    summary = inspect.getdoc(function) or ""
    parser = Parser(prog=f"undersong {name}", description=summary.split("\n\n")[0])
    reread = _attribute(CONFIG_FILES[name]) if name in CONFIG_FILES else None
    parser.add_argument("--config", action=ConfigFile, reread=reread, help="a YAML file with any of these arguments")
    parameters = inspect.signature(function).parameters.values()
    flags = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is not p.empty}
    lists = {p.name: p for p in parameters if p.name not in flags and get_origin(p.annotation) is list}
    words = {p.name for p in parameters} - flags - lists.keys()
    parser.add_function_arguments(function, as_group=False, as_positional=True, skip={*flags, *lists})
    told = {p.arg_name: p.description for p in parse(summary).params}
    for key, parameter in lists.items():  # several words on the command line are one list
        kind = get_args(parameter.annotation)[0]
        parser.add_argument(key, nargs="*", type=kind, help=told.get(key)).required = False
    parser.add_function_arguments(function, as_group=False, skip={*words, *lists})
    objects = {p.name: describe(p.default) for p in parameters if _is_object(p.default)}
    parser.set_defaults(objects)
    return parser


def _flags_first(words: list[str], switches: set[str]) -> list[str]:
    """Flags before words, in whatever order they were typed, so that a sentence may follow any flag.

    What a file says (``--config``) comes first, so that what is typed counts; what is told of an object
    (``--objective.m 1``) after the flag that chooses it (``--objective AutoGen``). A switch alone says true
    (``--force``); ``--text-column`` is the parameter text_column; after ``--`` all are words.
    """
    flags: list[list[str]] = []
    plain: list[str] = []
    rest = iter(words)
    held: str | None = None  # a word looked at and not yet read
    while (word := held if held is not None else next(rest, None)) is not None:
        held = None
        if word == "--":
            plain += rest
        elif word == "-h":
            flags.append(["--help"])
        elif not word.startswith("--"):
            plain.append(word)
        else:
            option, equals, value = word.partition("=")
            option = "--" + option[2:].replace("-", "_")
            if equals or option in ("--help", "--print_config"):
                flags.append([option + equals + value])
            elif option[2:] in switches:
                held = next(rest, None)
                said, held = (held, None) if held in ("true", "false") else ("true", held)
                flags.append([f"{option}={said}"])
            else:
                value_word = next(rest, None)
                if value_word is None:
                    flags.append([option])
                else:  # as one word, or argparse takes -5e-1 for a flag; a flag in place of a value is for it to refuse
                    alone = value_word.startswith("--")
                    flags.append([option, value_word] if alone else [f"{option}={value_word}"])
    flags.sort(key=_rank)
    return [*(part for flag in flags for part in flag), *(["--", *plain] if plain else [])]


def _rank(flag: list[str]) -> tuple[bool, int]:
    name = flag[0].partition("=")[0]
    return name != "--config", name.count(".")


def _is_object(default: Any) -> bool:
    plain = (type(None), bool, int, float, str, list, tuple, dict, os.PathLike)
    return default is not inspect.Parameter.empty and not isinstance(default, plain)


def _function(name: str) -> Callable[..., Any]:
    return _attribute(COMMANDS[name][0])


def _attribute(path: str) -> Callable[..., Any]:
    module, _, attribute = path.partition(":")
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
