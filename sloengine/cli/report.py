"""`sloengine report`."""

from __future__ import annotations

from pathlib import Path

import click

from sloengine.answers import report_of_store
from sloengine.cli.options import (
    Instant,
    ascii_option,
    color_option,
    config_option,
    set_option,
    store_folder,
    style_of,
)
from sloengine.questions import FORMATS, LATEST, Format, ReportRequest


@click.command()
@click.argument("slo", required=False)
@click.option(
    "--by",
    metavar="DIMENSION",
    help="Who was hit: counts, share of the bad and of the budget by value of a dimension.",
)
@click.option(
    "--at",
    type=Instant(LATEST),
    metavar="TIME",
    help="As of this instant: 2026-11-23, 2026-11-23T00:00Z, or latest for the last stored event.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="The JSON form has a documented schema: docs/report-json.md.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write to a file instead of standard output.",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="The store's folder; without it, the one that the configuration names.",
)
@config_option
@set_option
@color_option
@ascii_option
def report(
    slo: str | None,
    by: str | None,
    at: int | str | None,
    form: Format,
    output: Path | None,
    store: Path | None,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    color: str,
    ascii_only: bool,
) -> None:
    """Show error budgets: of all SLOs, or of one in detail.

    Works beside a running engine, and without one.

    \b
    Examples:
      sloengine report
      sloengine report checkout-experience --at 2026-11-23
      sloengine report checkout-experience --by tier
      sloengine report --format html --output report.html
    """
    folder = store_folder(store, config_files, overrides)
    request = ReportRequest(
        form=form,
        slo=slo,
        by=by,
        at_ns=at if isinstance(at, int) else None,
        at_latest=at == LATEST,
        style=style_of(color, ascii_only=ascii_only),
    )
    text = report_of_store(folder, request)
    if output is None:
        click.echo(text, nl=False, color=True)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"Wrote {output}", err=True)
