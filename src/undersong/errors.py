"""What undersong says when a person's input cannot be used.

Knows nothing of anything else: every room raises it, the command line prints it without a traceback.
"""


class UserError(Exception):
    """One clear sentence: what is wrong, where, and what to do."""


class NoStructure(UserError):
    """The model has vectors only: no clusters, tags or trees can be read off it."""
