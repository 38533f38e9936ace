"""`sloengine doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from sloengine.authoring.against import live_traces
from sloengine.authoring.doctor import (
    Waits,
    examine_files,
    examine_store,
    render_json,
    render_text,
)
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
from sloengine.definitions import parse_duration
from sloengine.errors import ExitCode


class Length(click.ParamType[int]):
    """A length of time such as `30m`; nanoseconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read the text, or fail with an example."""
        if isinstance(value, int):
            return value
        try:
            length_ns = parse_duration(str(value))
        except ValueError as error:
            self.fail(f"{error}; write for instance 30m", param, ctx)
        if length_ns <= 0:
            self.fail(f"{value!r} is no length of time; write for instance 30m", param, ctx)
        return length_ns


@click.command()
@traces_option
@store_traces_option
@click.option(
    "--definitions",
    type=click.Path(path_type=Path),
    help="Folder or file of definitions; without it, what the configuration names.",
)
@click.option(
    "--last",
    "last_ns",
    type=Length(),
    default="60m",
    show_default=True,
    help="Of a store: how far to look back. The newest 64 MiB of requests at most are read.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the answer.",
)
@config_option
@set_option
@color_option
@ascii_option
def doctor(
    traces: tuple[Path, ...],
    store: Path | None,
    definitions: Path | None,
    last_ns: int,
    form: Literal["text", "json"],
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    color: str,
    ascii_only: bool,
) -> None:
    """Check that this engine sees whole traces, in time, with all that the definitions need.

    Looks at what arrived lately, beside a running engine or in the store that it left; with
    --traces, at files. Nothing is changed. Exit code 1 says that there is something to mend.

    \b
    Examples:
      sloengine doctor
      sloengine doctor --store /var/lib/sloengine --last 10m
      sloengine doctor --traces traces.jsonl.gz --definitions slo-definitions/
    """
    config = configuration(config_files, overrides)
    folder = definitions or config.definitions.path
    directory = store or config.store.directory
    if traces and store is not None:
        raise click.UsageError("give --traces or --store, not both")
    if traces:
        with FileProgress(traces) as progress:
            diagnosis = examine_files(traces, folder, progress=progress.update)
    else:
        waits = Waits(config.processor.idle_wait, config.processor.max_wait)
        with live_traces(directory, last_ns=last_ns) as live, FileProgress(live) as progress:
            diagnosis = examine_store(directory, live, folder, waits, progress=progress.update)
    if form == "json":
        click.echo(render_json(diagnosis), nl=False)
    else:
        text = render_text(diagnosis, style_of(color, ascii_only=ascii_only))
        click.echo(text, nl=False, color=True)
    if diagnosis.to_mend:
        raise click.exceptions.Exit(int(ExitCode.FAILED))
