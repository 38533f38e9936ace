"""`sloengine convert`."""

from __future__ import annotations

from pathlib import Path

import click

from sloengine.authoring.convert import Mapping, convert_files
from sloengine.definitions import parse_duration


@click.command()
@click.argument(
    "files", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True
)
@click.option(
    "--transaction",
    "transactions",
    metavar="[SLO=]NAME",
    multiple=True,
    help="The BusinessTransaction that stands for the queries, of all SLOs or of one.",
)
@click.option("--window", help="The window of every SLO, such as 28d; else what the file says.")
def convert(files: tuple[Path, ...], transactions: tuple[str, ...], window: str | None) -> None:
    """Turn files of Sloth, Pyrra or slo-generator into definitions, as far as that goes.

    Definitions go to standard output; each field that does not come along is a line on standard
    error and a comment beside its SLO. Queries over metrics cannot become conditions on spans:
    without --transaction they stay, and the SLO is "not evaluable here".

    \b
    Examples:
      sloengine convert sloth.yaml > slo-definitions/from-sloth.yaml
      sloengine convert pyrra.yaml --transaction checkout
      sloengine convert a.yaml b.yaml --transaction shop-requests=checkout
    """
    if window is not None:
        try:
            parse_duration(window)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--window") from error
    converted = convert_files(files, _mapping(transactions), window)
    click.echo(converted.text, nl=False)
    for note in converted.notes:
        click.echo(str(note), err=True)


def _mapping(transactions: tuple[str, ...]) -> Mapping:
    every, by_slo = None, {}
    for written in transactions:
        slo, separator, name = written.rpartition("=")
        if separator:
            by_slo[slo] = name
        elif every is not None:
            message = f"both {every} and {name} for every SLO; write SLO=NAME"
            raise click.BadParameter(message, param_hint="--transaction")
        else:
            every = name
    return Mapping(every, by_slo)
