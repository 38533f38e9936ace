"""Options that several commands share."""

from __future__ import annotations

import os
import re
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sloengine.questions import STORE_FOLDER
from sloengine.terminal import TerminalStyle, terminal_style

if TYPE_CHECKING:
    from sloengine.config import EngineConfig

config_option = click.option(
    "--config",
    "config_files",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Configuration file; may be given several times, later ones win.",
)
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="One configuration value, such as processor.idle_wait=5s; wins over every file.",
)
color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour; auto means a terminal without NO_COLOR.",
)
traces_option = click.option(
    "--traces",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="OTLP traces: JSON lines or binary, plain, gzip or zstd; may be given several times.",
)
store_traces_option = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of a store, whose spool is read and left as it is; an engine may be running.",
)
ascii_option = click.option("--ascii", "ascii_only", is_flag=True, help="Only ASCII characters.")


def configuration(config_files: tuple[Path, ...], overrides: tuple[str, ...]) -> EngineConfig:
    """Read what `config_option` and `set_option` name."""
    # Its model takes longer to build than a running engine takes to be asked.
    from sloengine.config import load_config

    return load_config(config_files, overrides=overrides, environment=os.environ)


def store_folder(
    store: Path | None, config_files: tuple[Path, ...], overrides: tuple[str, ...]
) -> Path:
    """Return the store's folder: what `--store` names, else the configuration.

    A configuration that is given is checked, also where `--store` wins; one that is not given is
    not read.
    """
    if config_files or overrides:
        configured = configuration(config_files, overrides).store.directory
    else:
        configured = STORE_FOLDER
    return store or configured


def style_of(color: str, *, ascii_only: bool) -> TerminalStyle:
    """Return how standard output may look."""
    columns = shutil.get_terminal_size((100, 24)).columns
    return terminal_style(
        sys.stdout, os.environ, columns=columns, color=color, ascii_only=ascii_only
    )


class Instant(click.ParamType[int | str]):
    """An RFC 3339 instant, a date (its midnight, UTC), or `latest`; nanoseconds since the epoch."""

    name = "time"

    def __init__(self, word: str) -> None:
        self._word = word

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Read the text, or fail with an example."""
        text = str(value)
        if text == self._word:
            return self._word
        try:
            moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        except ValueError:
            self.fail(
                f"{text!r} is not a time; write 2026-11-23, 2026-11-23T00:00Z or {self._word}",
                param,
                ctx,
            )
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        whole = moment.replace(microsecond=0)
        return int(whole.timestamp()) * 10**9 + moment.microsecond * 1000
