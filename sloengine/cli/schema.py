"""`sloengine schema`."""

from __future__ import annotations

import click

from sloengine.authoring.schema import schema_text


@click.command()
@click.argument("kind", required=False)
def schema(kind: str | None) -> None:
    """Print the JSON Schema of definitions, for editors and for checks in other tools.

    KIND is one kind, such as BusinessTransaction or SLO; without it, all kinds in one schema, which
    fits files with several documents.

    \b
    Examples:
      sloengine schema > definitions.schema.json
      sloengine schema BusinessTransaction
    """
    click.echo(schema_text(kind), nl=False)
