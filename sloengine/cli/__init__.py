"""The command line: parse, one call, render, exit code.

In: arguments and the environment. Out: text on standard output, messages on standard error, and an
`ExitCode`. Guaranteed: an error on purpose prints one message and no traceback.
"""

from sloengine.cli.main import COMMANDS, HELP_OPTIONS, cli, load_command, main

__all__ = ["COMMANDS", "HELP_OPTIONS", "cli", "load_command", "main"]
