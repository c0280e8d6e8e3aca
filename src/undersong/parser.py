"""What the command line's parser says to a person: help of a readable length, mistakes in a sentence.

Everything else is ``jsonargparse``'s. Knows nothing of commands.
"""

import re
from argparse import Action
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, DefaultHelpFormatter


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
        if not self.exit_on_error:
            super().error(message, ex)
        self.exit(2, f"{self.prog}: {plain(message)}\n`{self.prog} --help` tells its arguments.\n")


def plain(message: str) -> str:
    """The library's message in this command line's words.

    >>> plain('Parser key "objective":\\n  Expected a dot import path string: AutoGn')
    "--objective: there is no class 'AutoGn': take one that --help names, or the dotted path of your own"
    """
    message = re.sub(r'Parser key "([^"]+)":\s*', r"--\1: ", message)
    return re.sub(
        r"Expected a dot import path string: (\S+)",
        r"there is no class '\1': take one that --help names, or the dotted path of your own",
        message,
    )
