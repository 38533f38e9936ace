"""Write the pages of docs/ that are made from the code: `make docs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sloengine import names
from sloengine.authoring.field_tables import with_tables
from sloengine.authoring.schema import schema_text
from sloengine.cli import COMMANDS, HELP_OPTIONS, cli, load_command
from sloengine.config import EngineConfig
from sloengine.config.durations import duration_text, parse_duration_ns
from sloengine.report import schema_page

DOCS = Path(__file__).resolve().parents[2] / "docs"
WIDTH = 100


def cli_page() -> str:
    """Return docs/cli.md: what every `--help` says."""
    return "\n".join(_cli_lines()) + "\n"


def _cli_lines() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield "Made from `sloengine --help` by `make docs`; do not edit."
    yield ""
    yield from _block(cli, "sloengine")
    for name in COMMANDS:
        command = load_command(name)
        yield ""
        yield f"## sloengine {name}"
        yield ""
        yield from _block(command, f"sloengine {name}")


def _block(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=name,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=list(HELP_OPTIONS),
    )
    yield "```text"
    yield from (line.rstrip() for line in command.get_help(context).splitlines())
    yield "```"


def configuration_page() -> str:
    """Return docs/configuration.md: every key with its default and what it means."""
    return "\n".join(_configuration_lines()) + "\n"


def _configuration_lines() -> Iterator[str]:
    yield "# Configuration"
    yield ""
    yield "Made from the code by `make docs`; do not edit."
    yield ""
    yield "`sloengine serve --config engine.yaml`. An empty file is valid: every key has a default."
    yield "Several files merge, later ones win, lists are replaced; `--set a.b.c=value` wins over"
    yield "all. `${env:NAME}` and `${env:NAME:-default}` are expanded, `$$` is a dollar sign."
    yield "Unknown keys are errors. A duration is written as in Go (`10s`, `1h30m`, also `35d`)."
    yield ""
    yield "| key | default | |"
    yield "|---|---|---|"
    for key, default, text in _keys(EngineConfig, ""):
        yield f"| `{key}` | {f'`{default}`' if default else ''} | {text} |"


def _keys(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        below = next(
            (part for part in _parts(field.annotation) if issubclass(part, BaseModel)), None
        )
        text = " ".join((field.description or "").split())
        if below is None:
            yield prefix + name, _default(field), text
        else:
            about = " ".join((below.__doc__ or "").split())
            yield prefix + name, "off" if field.default is None else "", about
            yield from _keys(below, f"{prefix}{name}.")


def _parts(annotation: object) -> list[type]:
    return [part for part in (annotation, *get_args(annotation)) if isinstance(part, type)]


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.default in (None, (), {}):
        return ""
    if any(getattr(each, "func", None) is parse_duration_ns for each in field.metadata):
        return duration_text(field.default)
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "configuration.md": configuration_page,
    "definitions.md": lambda: with_tables((DOCS / "definitions.md").read_text(encoding="utf-8")),
    "metrics.md": names.render_markdown,
    "report-json.md": schema_page,
    "schema/definitions.schema.json": schema_text,
}


def main() -> None:
    """Write every page."""
    for page, make in PAGES.items():
        (DOCS / page).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
