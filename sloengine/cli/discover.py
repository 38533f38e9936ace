"""`sloengine discover`."""

from __future__ import annotations

from pathlib import Path

import click

from sloengine.authoring.backtest import open_traces
from sloengine.authoring.discover import NEWEST_BYTES, render_discovery, write
from sloengine.authoring.discover import discover as propose
from sloengine.cli.options import (
    ascii_option,
    color_option,
    config_option,
    configuration,
    set_option,
    store_traces_option,
    style_of,
    traces_option,
)
from sloengine.cli.progress import FileProgress


@click.command()
@traces_option
@store_traces_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("slo-definitions/discovered"),
    show_default=True,
    help="Folder for the proposals; no file in it is ever replaced.",
)
@click.option(
    "--definitions",
    type=click.Path(path_type=Path),
    default=Path("slo-definitions"),
    show_default=True,
    help="What these map already is left out, if they are there.",
)
@click.option("--all", "everything", is_flag=True, help="Propose for all traffic, mapped or not.")
@config_option
@set_option
@color_option
@ascii_option
def discover(
    traces: tuple[Path, ...],
    store: Path | None,
    output: Path,
    definitions: Path,
    everything: bool,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    color: str,
    ascii_only: bool,
) -> None:
    """Propose business transactions and promises from traffic, as files ready to review.

    Reads OTLP files, or what the spool of a store holds, also while an engine is running; without
    either, the spool of the store that the configuration names. A minute of traffic is enough for
    a first guess. Requests that share one name, such as a gateway's, are told apart by what they
    call. Each proposal is judged over the same traces before it is written.

    \b
    Examples:
      sloengine discover
      sloengine discover --traces traces.jsonl.gz --output my-slos/
    """
    if not traces and store is None:
        store = configuration(config_files, overrides).store.directory
    existing = None if everything else _existing(definitions)
    with (
        open_traces(traces, store, newest_bytes=NEWEST_BYTES) as sources,
        FileProgress(sources) as progress,
    ):
        discovery = propose(sources, existing=existing, progress=progress.update)
    written = write(discovery, output)
    style = style_of(color, ascii_only=ascii_only)
    if existing is not None:
        click.echo(f"Left out: what {existing} maps already (--all proposes for that, too).\n")
    click.echo(render_discovery(discovery, written, output, style=style), nl=False, color=True)
    for problem in discovery.problems:
        click.echo(problem, err=True)


def _existing(definitions: Path) -> Path | None:
    """The definitions that are there; the default folder may be missing or empty."""
    if definitions == Path("slo-definitions") and not definitions.exists():
        return None
    return definitions if not definitions.is_dir() or any(definitions.rglob("*.y*ml")) else None
