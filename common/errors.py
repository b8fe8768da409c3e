"""The one error that ends a command with exit code 2."""


class UsageError(Exception):
    """Bad usage or bad input: the message says in one line what is wrong and what to do about it."""
