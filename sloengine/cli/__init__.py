"""The command line: parse, one call, render, exit code.

In: arguments and the environment. Out: text on standard output, messages on standard error, and an
`ExitCode`. Guaranteed: an error on purpose prints one message and no traceback.
"""

from sloengine.cli.main import cli, main

__all__ = ["cli", "main"]
