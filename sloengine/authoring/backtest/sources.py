"""Where traces come from: files, or the spool of a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sloengine.errors import OperatorError, PermanentError
from sloengine.otlp.files import FileRequest
from sloengine.pipeline import SPOOL_FOLDER
from sloengine.replay import TraceFile, TraceSource
from sloengine.spool import SpoolSnapshot


class SpoolTraces:
    """What a spool held when it was opened; every reading gives the same."""

    def __init__(self, snapshot: SpoolSnapshot) -> None:
        self._snapshot = snapshot
        self.path = snapshot.directory
        """The spool's folder."""
        self.bytes = snapshot.bytes
        """What one reading reads, for progress."""

    def requests(self) -> Iterator[FileRequest]:
        """Yield the accepted requests in the order in which they came."""
        done = 0
        for frame in self._snapshot.frames():
            done += frame.next_position - frame.position
            place = f"{self.path}: frame {frame.position}"
            yield FileRequest(place, frame.payload, "", done)
        if lost := self._snapshot.damaged_bytes:
            raise PermanentError(f"{self.path}: {lost} bytes are damaged and were stepped over")


@contextmanager
def open_traces(
    files: Sequence[Path], store: Path | None, *, newest_bytes: int | None = None
) -> Iterator[list[TraceSource]]:
    """Open the traces that a person named: files, and the store in a folder.

    `newest_bytes` bounds how much of a store is read (`None`: all of it).

    Raises:
        OperatorError: nothing was named, or a file is not there.
        StoreError: the folder holds no spool that can be read.
    """
    if not files and store is None:
        raise OperatorError("no traces: name files with --traces, or a store's folder with --store")
    for file in files:
        if not file.is_file():
            raise OperatorError(f"{file}: there is no such file of traces; correct the path")
    sources: list[TraceSource] = [TraceFile(file) for file in files]
    if store is None:
        yield sources
        return
    with SpoolSnapshot.open(store / SPOOL_FOLDER, newest_bytes=newest_bytes) as snapshot:
        yield [*sources, SpoolTraces(snapshot)]
