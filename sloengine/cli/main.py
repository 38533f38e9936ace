"""The group of commands, and where errors become exit codes."""

from __future__ import annotations

import sys

import click

from sloengine import __version__
from sloengine.cli.backtest import backtest
from sloengine.cli.convert import convert
from sloengine.cli.demo import demo
from sloengine.cli.diff import diff
from sloengine.cli.discover import discover
from sloengine.cli.doctor import doctor
from sloengine.cli.expand import expand
from sloengine.cli.explain_trace import explain_trace
from sloengine.cli.replay import replay
from sloengine.cli.report import report
from sloengine.cli.schema import schema
from sloengine.cli.serve import serve
from sloengine.cli.test import test
from sloengine.cli.validate import validate
from sloengine.errors import SloengineError

EXIT_CODES = """\b
Exit codes:
  0  done
  1  done, and the answer is no (demo: counts differ from the truth; test: a scenario failed)
  2  the command line itself is wrong
  3  definitions, configuration or input are wrong
  4  busy or not reachable: the same call may succeed later
  5  the store or spool folder cannot be used
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
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


for command in (
    serve,
    validate,
    test,
    report,
    replay,
    backtest,
    diff,
    discover,
    expand,
    demo,
    schema,
    convert,
    explain_trace,
    doctor,
):
    cli.add_command(command)


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
