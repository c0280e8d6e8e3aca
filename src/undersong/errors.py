"""What undersong says when a person's input cannot be used.

Knows nothing of anything else: every room raises it, the command line prints it without a traceback.
"""


class UserError(Exception):
    """One clear sentence: what is wrong, where, and what to do."""


class NoStructure(UserError):
    """No clusters, no tags or no trees can be read off the model, whatever the sentences are."""
