"""Progress over files: a bar on a terminal, a plain line every five seconds elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from sloengine.clock import Clock, SystemClock
from sloengine.replay import Progress

_EVERY_NS = 5 * 10**9


class HasPath(Protocol):
    """Something that is read: `path` names it; if it has `bytes`, that is its size."""

    @property
    def path(self) -> Path:
        """Where it comes from, for people."""
        ...


class FileProgress:
    """Shows on standard error how far a replay is; `update` is what `replay` calls."""

    def __init__(self, sources: Sequence[Path | HasPath], *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._sizes = dict(map(_size, sources))
        self._console = Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[spans]:,} spans"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[Path, TaskID] = {}
        self._said_ns = self._clock.monotonic_ns()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def update(self, progress: Progress) -> None:
        """Show where a replay is."""
        task = self._tasks.get(progress.file)
        total = self._sizes.get(progress.file, 0)
        if task is None:
            task = self._bars.add_task(progress.file.name, total=total, spans=0)
            self._tasks[progress.file] = task
        self._bars.update(task, completed=progress.bytes_read, spans=progress.spans)
        now_ns = self._clock.monotonic_ns()
        if not self._console.is_terminal and now_ns - self._said_ns >= _EVERY_NS:
            self._said_ns = now_ns
            share = 100 * progress.bytes_read // total if total else 0
            click.echo(f"{progress.file}: {share}% read, {progress.spans:,} spans", err=True)


def _size(source: Path | HasPath) -> tuple[Path, int]:
    """Return what a source is called in progress, and how many bytes it has."""
    path = source if isinstance(source, Path) else source.path
    known: int | None = getattr(source, "bytes", None)
    if known is not None:
        return path, known
    return path, path.stat().st_size if path.is_file() else 0
