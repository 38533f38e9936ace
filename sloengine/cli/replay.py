"""`sloengine replay`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from sloengine.cli.options import ascii_option, color_option, style_of
from sloengine.cli.progress import FileProgress
from sloengine.definitions import load_definitions
from sloengine.errors import ExitCode
from sloengine.replay import replay as replay_files
from sloengine.report import FORMATS, Format, ReportRequest, render


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--definitions",
    type=click.Path(path_type=Path),
    default=Path("slo-definitions"),
    show_default=True,
    help="Folder or file of definitions to judge by.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the store in this folder; without it, it is gone afterwards.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Form of the report at the end.",
)
@color_option
@ascii_option
def replay(
    files: tuple[Path, ...],
    definitions: Path,
    into: Path | None,
    form: Format,
    color: str,
    ascii_only: bool,
) -> None:
    """Judge traces from files, by event time, and report.

    FILES are JSON lines or binary OTLP as a Collector's file exporter writes them, plain, gzip or
    zstd. Their order, and the order of spans in them, changes no result. Exported counters and
    the running engine's store are never touched.

    \b
    Examples:
      sloengine replay traces.jsonl.gz
      sloengine replay --definitions my-slos/ --format json traces-*.jsonl.zst
    """
    plan = load_definitions(definitions).plan
    request = ReportRequest(form=form, style=style_of(color, ascii_only=ascii_only))
    with tempfile.TemporaryDirectory(prefix="sloengine-replay-") as scratch:
        with FileProgress(files) as progress:
            replayed = replay_files(files, plan, into or Path(scratch), progress=progress.update)
        click.echo(render(replayed.evaluation, request), nl=False, color=True)
    for problem in replayed.problems:
        click.echo(problem, err=True)
    if replayed.rejected_spans:
        click.echo(f"{replayed.rejected_spans} spans without valid ids were left out", err=True)
    if replayed.problems:
        raise click.exceptions.Exit(int(ExitCode.BAD_INPUT))
