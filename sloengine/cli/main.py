"""The group of commands, and where errors become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module

import click

from sloengine import __version__
from sloengine.errors import SloengineError

HELP_OPTIONS = ("-h", "--help")
EXIT_CODES = """\b
Exit codes:
  0  done
  1  done, and the answer is no (demo: counts differ from the truth; test: a scenario failed;
     doctor: something is to mend; validate --strict: warnings)
  2  the command line itself is wrong
  3  definitions, configuration or input are wrong
  4  busy or not reachable: the same call may succeed later
  5  the store or spool folder cannot be used
"""


COMMANDS: Mapping[str, str] = {
    "serve": "Receive OTLP traces, judge them, and export what customers experienced.",
    "validate": (
        "Check definitions, and the configuration if one is given; "
        "print every problem of every file."
    ),
    "test": "Run the tests beside definitions: spans in, expected transactions and budgets out.",
    "report": "Show error budgets: of all SLOs, or of one in detail.",
    "replay": "Judge traces from files, by event time, and report.",
    "backtest": (
        "Judge traces at hand by one set of definitions, as if it had been there from the start."
    ),
    "diff": "Say what a change of definitions means, and what it would have changed.",
    "discover": (
        "Propose business transactions and promises from traffic, as files ready to review."
    ),
    "doctor": (
        "Check that this engine sees whole traces, in time, with all that the definitions need."
    ),
    "explain-trace": (
        "Say why a trace was judged as it was: which definition, which rule, which span."
    ),
    "expand": (
        "Print definitions with every shorthand written out: `promise`, references, defaults."
    ),
    "convert": (
        "Turn files of Sloth, Pyrra or slo-generator into definitions, as far as that goes."
    ),
    "schema": "Print the JSON Schema of definitions, for editors and for checks in other tools.",
    "demo": (
        "Run an engine, send it a shop's traffic with known faults, and show what customers got."
    ),
}
"""In the order of help: what runs, what checks, what tells, what writes. Each has the sentence that
its own help begins with, so that it need not be imported to be listed."""


class _LazyGroup(click.Group):
    """Imports a command when it is asked for: most need a database, some and `--help` need none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; one that does not exist may be a slip of one that does."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            begun = [name for name in COMMANDS if args[0] and name.startswith(args[0])]
            meant = begun or get_close_matches(args[0], COMMANDS, 1)
            if not meant:
                raise
            raise click.UsageError(f"{error.message} Did you mean {meant[0]}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """List the commands by their lines here, where click would import each for its own."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def load_command(name: str) -> click.Command:
    """Import one of `COMMANDS`."""
    attribute = name.replace("-", "_")
    command: click.Command = getattr(import_module(f"sloengine.cli.{attribute}"), attribute)
    return command


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": list(HELP_OPTIONS), "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="sloengine")
def cli() -> None:
    """Tell what customers experienced: traces in, error budgets out.

    \b
    Examples:
      sloengine demo                         watch it work, with known faults
      sloengine serve --config engine.yaml   run beside a Collector
      sloengine report                       the error budgets of the running engine
    """


def main() -> None:
    """Run the command line; the entry point of the package."""
    try:
        # Without its standalone mode click returns the code of an `Exit` instead of raising it.
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except SloengineError as error:
        click.echo(str(error), err=True)
        sys.exit(int(error.exit_code))
    except BrokenPipeError:
        # The reader of our pipe has seen enough; nothing is left to say, nor anyone to say it to.
        sys.stdout = None
        sys.exit(0)
