"""`python -m benchmarks`: measure, print the table, write the rows."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks import (
    decode,
    definitions,
    end_to_end,
    idle,
    peers,
    pending,
    replay,
    report,
    steady,
    steps,
)
from benchmarks.bench import Bench, Measurement
from benchmarks.processes import MeasurementError
from benchmarks.ratios import beside_the_steps, ratios, with_peers
from benchmarks.rows import Row
from benchmarks.table import print_table

MEASUREMENTS: Mapping[str, Measurement] = {
    "idle": idle.measure,
    "report": report.measure,
    "decode": decode.measure,
    "pending": pending.measure,
    "steps": steps.measure,
    "end-to-end": end_to_end.measure,
    "steady": steady.measure,
    "replay": replay.measure,
    "definitions": definitions.measure,
    "peers": peers.measure,
}


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("build/bench.json"),
    show_default=True,
    help="Where the rows are written as JSON.",
)
@click.option("--quick", is_flag=True, help="One short round of everything, without peers.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(MEASUREMENTS)),
    help="Measure this alone; may be given several times.",
)
@click.option("--peers/--no-peers", "beside", default=None, help="Measure Collectors too.")
@click.option(
    "--steady",
    "steady_s",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="How long the steady load lasts; 20, or 8 with --quick.",
)
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting for every engine that is measured, as `sloengine serve --set` takes it.",
)
def main(
    out: Path,
    quick: bool,
    only: Sequence[str],
    beside: bool | None,
    steady_s: float | None,
    settings: Sequence[str],
) -> None:
    """Measure what the engine costs here, print a table and write the same rows as JSON.

    Ends with 1 where a count was wrong, a measurement failed, or a demanded bound is missed; other
    bounds are only shown.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside the output: a folder for temporary files may be in memory, where fsync costs nothing.
    with tempfile.TemporaryDirectory(prefix="bench-", dir=out.parent) as scratch:
        bench = Bench(
            scratch=Path(scratch).absolute(),
            quick=quick,
            peers=not quick if beside is None else beside,
            settings=settings,
            seconds=2 if quick else 3,
            steady_s=steady_s or (8 if quick else 20),
        )
        groups, failures = _measure(bench, only or list(MEASUREMENTS))
    rows = [row for group in groups for row in group]
    print_table(_title(quick=quick), groups)
    out.write_text(json.dumps([row.document() for row in rows], indent=2) + "\n", encoding="utf-8")
    click.echo(f"Rows: {out}")
    for row in rows:
        if row.fails and row.bound is not None:
            failures.append(f"{row.name}: {row.bound.verdict(row.value)}")
    for failure in failures:
        click.echo(f"FAILED {failure}", err=True)
    sys.exit(1 if failures else 0)


def _measure(bench: Bench, names: Sequence[str]) -> tuple[list[list[Row]], list[str]]:
    """Return the rows of each measurement, and what went wrong; one failure stops no other."""
    groups: list[list[Row]] = []
    failures: list[str] = []
    for name, measurement in MEASUREMENTS.items():
        if name not in names:
            continue
        rows: list[Row] = []
        try:
            for row in measurement(bench):
                rows.append(row)  # noqa: PERF402  # those before a failure stay
        except MeasurementError as error:
            failures.append(f"{name}: {error}")
            bench.say(failures[-1])
        groups.append(rows)
    measured = [row for group in groups for row in group]
    beside = [with_peers(group, measured) for group in groups]
    return [*beside, [*beside_the_steps(measured), *ratios(measured)]], failures


def _title(*, quick: bool) -> str:
    now = datetime.now(tz=UTC)
    return (
        f"sloengine on {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, {now:%Y-%m-%d %H:%M} UTC"
        + (" (quick: single short rounds)" if quick else "")
    )


if __name__ == "__main__":
    main()
