"""`sloengine test`."""

from __future__ import annotations

from pathlib import Path

import click

from sloengine.authoring.testing import load_tests, render_junit, render_text, run_tests
from sloengine.cli.options import ascii_option, color_option, style_of
from sloengine.errors import DefinitionsError, ExitCode


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("slo-definitions"))
@click.option(
    "--filter",
    "only",
    default="",
    metavar="TEXT",
    help="Only scenarios that have this in their file's name or their own.",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write the results as JUnit XML too.",
)
@click.option("-v", "--verbose", is_flag=True, help="Name the scenarios that passed, too.")
@color_option
@ascii_option
def test(
    path: Path, only: str, junit: Path | None, verbose: bool, color: str, ascii_only: bool
) -> None:
    """Run the tests beside definitions: spans in, expected transactions and budgets out.

    PATH is a folder with *.test.yaml files, or one of them. Exit code 1 says that a scenario
    failed, 3 that a file is wrong.

    \b
    Examples:
      sloengine test
      sloengine test slo-definitions/ --filter refund --junit build/definitions.xml
    """
    try:
        suites = load_tests(path)
    except DefinitionsError as error:
        for problem in error.problems:
            click.echo(str(problem))
        count = len(error.problems)
        click.echo(f"\n{count} problem{'s' * (count != 1)} in {path}. No scenario was run.")
        raise click.exceptions.Exit(int(error.exit_code)) from error
    results = run_tests(suites, only=only)
    style = style_of(color, ascii_only=ascii_only)
    click.echo(render_text(results, style=style, verbose=verbose), nl=False, color=True)
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_text(render_junit(results), encoding="utf-8")
        click.echo(f"Wrote {junit}", err=True)
    if any(result.failed for result in results):
        raise click.exceptions.Exit(int(ExitCode.FAILED))
