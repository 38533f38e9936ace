"""`sloengine demo`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sloengine.cli.options import ascii_option, color_option, style_of
from sloengine.clock import SystemClock
from sloengine.demo import DEFAULT_SEED, DEFAULT_TRACES
from sloengine.demo import demo as run_demo
from sloengine.demo.sidecar import demo_engine


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("sloengine-demo"),
    show_default=True,
    help="Folder for the report as HTML and JSON.",
)
@click.option(
    "--traces", type=click.IntRange(1), default=DEFAULT_TRACES, show_default=True, help="How many."
)
@click.option(
    "--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Of the shop's dice."
)
@color_option
@ascii_option
def demo(out: Path, traces: int, seed: int, color: str, ascii_only: bool) -> None:
    """Run an engine, send it a shop's traffic with known faults, and show what customers got.

    Exit code 1 says that the engine's counts differ from the shop's own.

    \b
    Example:
      sloengine demo --out build/demo
    """
    code = run_demo(
        out,
        demo_engine,
        clock=SystemClock(),
        out=sys.stdout,
        progress=sys.stderr,
        style=style_of(color, ascii_only=ascii_only),
        traces=traces,
        seed=seed,
    )
    raise click.exceptions.Exit(int(code))
