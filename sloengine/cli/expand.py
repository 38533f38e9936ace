"""`sloengine expand`."""

from __future__ import annotations

from pathlib import Path

import click

from sloengine import definitions


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("slo-definitions"))
def expand(path: Path) -> None:
    """Print definitions with every shorthand written out: `promise`, references, defaults.

    \b
    Example:
      sloengine expand slo-definitions/checkout.yaml
    """
    click.echo(definitions.expand(path), nl=False)
