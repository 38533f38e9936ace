"""`sloengine backtest`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from sloengine.authoring.backtest import backtest as run_backtest
from sloengine.authoring.backtest import in_words, open_traces
from sloengine.cli.options import (
    ascii_option,
    color_option,
    store_traces_option,
    style_of,
    traces_option,
)
from sloengine.cli.progress import FileProgress
from sloengine.definitions import load_definitions
from sloengine.errors import ExitCode
from sloengine.report import FORMATS, Format, ReportRequest, render


@click.command()
@click.option(
    "--definitions",
    type=click.Path(path_type=Path),
    default=Path("slo-definitions"),
    show_default=True,
    help="Folder or file of definitions to judge by.",
)
@traces_option
@store_traces_option
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the backtest's own store in this new folder; without it, it is gone afterwards.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Form of the report.",
)
@color_option
@ascii_option
def backtest(
    definitions: Path,
    traces: tuple[Path, ...],
    store: Path | None,
    into: Path | None,
    form: Format,
    color: str,
    ascii_only: bool,
) -> None:
    """Judge traces at hand by one set of definitions, as if it had been there from the start.

    The traces are OTLP files, or what the spool of a store still holds; an engine may be writing
    it. Everything happens in a store of its own: nobody is notified, no exported counter and no
    stored result changes. A line on standard error says how much of each window the traces cover.

    \b
    Examples:
      sloengine backtest --store /var/lib/sloengine --definitions slo-definitions/
      sloengine backtest --traces monday.jsonl.gz --traces tuesday.jsonl.gz --format markdown
    """
    plan = load_definitions(definitions).plan
    request = ReportRequest(form=form, style=style_of(color, ascii_only=ascii_only))
    with (
        open_traces(traces, store) as sources,
        tempfile.TemporaryDirectory(prefix="sloengine-backtest-") as scratch,
        FileProgress(sources) as progress,
    ):
        done = run_backtest(sources, plan, into or Path(scratch), progress=progress.update)
    click.echo(render(done.evaluation, request), nl=False, color=True)
    click.echo(f"History: {in_words(done.history, plan.slos)}.", err=True)
    click.echo("A store of its own: nobody was notified, no exported counter changed.", err=True)
    for problem in done.problems:
        click.echo(problem, err=True)
    if done.rejected_spans:
        click.echo(f"{done.rejected_spans} spans without valid ids were left out", err=True)
    if done.problems:
        raise click.exceptions.Exit(int(ExitCode.BAD_INPUT))
