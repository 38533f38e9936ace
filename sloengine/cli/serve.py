"""`sloengine serve`."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import click

from sloengine.cli.options import config_option, configuration, set_option
from sloengine.engine import Engine
from sloengine.errors import SloengineError
from sloengine.memory import release_startup_memory, spare_startup_objects

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
    with _signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
        engine = Engine(config)
        engine.start()
        spare_startup_objects()
        release_startup_memory()
        try:
            for number in received:
                if number != signal.SIGHUP:
                    _log.info("%s: draining", signal.Signals(number).name)
                    break
                _reload(engine)
        finally:
            engine.stop()


@contextmanager
def _signals(*wanted: signal.Signals) -> Iterator[Iterator[int]]:
    """Yield an iterator over the signals that arrive; it waits for each.

    A signal may reach any thread, also those that libraries started. So it is not waited for, which
    only the thread does that it happens to reach; the handler's byte in a pipe reaches us always.
    """
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        before = {number: signal.signal(number, _ignore) for number in wanted}
        fd = signal.set_wakeup_fd(writer.fileno())
        try:
            yield (reader.recv(1)[0] for _ in count())
        finally:
            signal.set_wakeup_fd(fd)
            for number, handler in before.items():
                signal.signal(number, handler)


def _ignore(_number: int, _frame: object) -> None:
    """Stand in for the default, which would end the process; the pipe tells what came."""


def _reload(engine: Engine) -> None:
    try:
        engine.reload()
    except SloengineError as error:
        _log.error("the new definitions are refused, the old set stays:\n%s", error)
