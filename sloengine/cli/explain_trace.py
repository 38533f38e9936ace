"""`sloengine explain-trace`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import click

from sloengine.authoring.explain import (
    explain_file,
    explain_stored,
    render_json,
    render_text,
)
from sloengine.cli.options import (
    ascii_option,
    color_option,
    config_option,
    configuration,
    set_option,
    style_of,
)

_ID = re.compile(r"[0-9a-fA-F]{32}")
_LIKE_ID = re.compile(r"[0-9a-fA-F]{8,}")


class TraceId(click.ParamType[int]):
    """32 hex digits."""

    name = "trace id"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read the digits, or fail with what they should be."""
        if isinstance(value, int):
            return value
        text = str(value)
        if not _ID.fullmatch(text) or not int(text, 16):
            self.fail(f"{text!r} is not a trace id; write its 32 hex digits", param, ctx)
        return int(text, 16)


@click.command("explain-trace")
@click.argument("trace", metavar="TRACE_ID|FILE")
@click.option(
    "--trace",
    "wanted",
    type=TraceId(),
    metavar="TRACE_ID",
    help="Which trace of a file that holds several.",
)
@click.option(
    "--definitions",
    type=click.Path(path_type=Path),
    help="Judge by these definitions instead of those that judged the trace.",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="The store's folder; without it, the one that the configuration names.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The JSON form has all that the text has.",
)
@click.option("--all", "whole_tree", is_flag=True, help="Print every span of a long trace.")
@config_option
@set_option
@color_option
@ascii_option
def explain_trace(
    trace: str,
    wanted: int | None,
    definitions: Path | None,
    store: Path | None,
    form: Literal["text", "json"],
    whole_tree: bool,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    color: str,
    ascii_only: bool,
) -> None:
    """Say why a trace was judged as it was: which definition, which rule, which span.

    A TRACE_ID is looked up in the store, beside a running engine or without one. A FILE is a trace
    saved as OTLP JSON, by a Collector's file exporter, or from Jaeger's user interface.

    \b
    Examples:
      sloengine explain-trace e05b7d31c84f4a2e9b6610d7f3a8c254
      sloengine explain-trace trace.json --definitions slo-definitions/
      sloengine explain-trace traces.jsonl.gz --trace e05b7d31c84f4a2e9b6610d7f3a8c254
    """
    config = configuration(config_files, overrides)
    configured = config.definitions.path
    path = Path(trace)
    if _ID.fullmatch(trace) and not path.exists():
        directory = store or config.store.directory
        explanation = explain_stored(directory, int(trace, 16), configured, definitions=definitions)
    elif _LIKE_ID.fullmatch(trace) and not path.exists():
        raise click.UsageError(
            f"{trace!r} is neither a file nor a trace id, which has 32 hex digits"
        )
    else:
        explanation = explain_file(path, definitions or configured, wanted=wanted)
    if form == "json":
        click.echo(render_json(explanation), nl=False)
    else:
        style = style_of(color, ascii_only=ascii_only)
        text = render_text(explanation, style, whole_tree=whole_tree)
        click.echo(text, nl=False, color=True)
