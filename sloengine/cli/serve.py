"""`sloengine serve`."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import click

from sloengine.cli.options import config_option, configuration, set_option
from sloengine.engine import Engine
from sloengine.errors import SloengineError
from sloengine.memory import release_startup_memory

_log = logging.getLogger(__name__)


@click.command()
@config_option
@set_option
@click.option(
    "--hot-path",
    type=click.Choice(["auto", "reference"]),
    help="reference runs the plain twins of the kernels; as --set service.hot_path=reference.",
)
def serve(config_files: tuple[Path, ...], overrides: tuple[str, ...], hot_path: str | None) -> None:
    """Receive OTLP traces, judge them, and export what customers experienced.

    SIGTERM drains and stops. SIGHUP reads the definitions again; a set with errors is refused and
    the old one stays.

    \b
    Example:
      sloengine serve --config engine.yaml --set processor.idle_wait=5s
    """
    if hot_path is not None:
        overrides = (*overrides, f"service.hot_path={hot_path}")
    config = configuration(config_files, overrides)
    logging.basicConfig(
        level=config.service.telemetry.logs.level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # What the store holds is for its owner: DuckDB makes files with the rights that this leaves.
    os.umask(0o077)
    # Signals are blocked before any thread starts, so that every thread inherits the mask and only
    # the loop below takes them.
    wanted = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    engine = Engine(config)
    engine.start()
    release_startup_memory()
    try:
        while (received := signal.sigwait(wanted)) == signal.SIGHUP:
            _reload(engine)
        _log.info("%s: draining", signal.Signals(received).name)
    finally:
        engine.stop()


def _reload(engine: Engine) -> None:
    try:
        engine.reload()
    except SloengineError as error:
        _log.error("the new definitions are refused, the old set stays:\n%s", error)
