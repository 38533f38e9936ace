"""Where requests come from: files, or the newest part of a spool, with the time they arrived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sloengine.otlp.files import read_requests
from sloengine.spool import SpoolSnapshot


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request, or why it is none."""

    payload: bytes
    """Uncompressed protobuf; empty where `problem` says what is wrong."""
    arrival_ns: int | None
    """When the engine accepted it; `None` where that is not known, as in files."""
    problem: str
    bytes_read: int


class TraceInput(Protocol):
    """Requests, oldest first."""

    @property
    def path(self) -> Path:
        """Where they come from, for people."""
        ...

    @property
    def bytes(self) -> int:
        """How many bytes there are to read, for progress."""
        ...

    def requests(self) -> Iterator[Arrived]:
        """Yield what there is.

        Raises:
            SloengineError: it cannot be read on.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileTraces:
    """A file of traces, as `read_requests` takes it."""

    path: Path

    @property
    def bytes(self) -> int:
        """The file's size."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def requests(self) -> Iterator[Arrived]:
        """Yield what the file holds."""
        for request in read_requests(self.path):
            place = f"{request.place}: {request.problem}" if request.problem else ""
            yield Arrived(request.payload, None, place, request.bytes_read)


@dataclass(frozen=True, slots=True)
class SpoolTraces:
    """What arrived at an engine since an instant, as far as the snapshot reaches back."""

    snapshot: SpoolSnapshot
    since_ns: int

    @property
    def path(self) -> Path:
        """The spool's folder."""
        return self.snapshot.directory

    @property
    def bytes(self) -> int:
        """Bytes of frames to read, those that are too old among them."""
        return self.snapshot.bytes

    def requests(self) -> Iterator[Arrived]:
        """Yield the frames that arrived since then."""
        read = 0
        for frame in self.snapshot.frames():
            read += frame.next_position - frame.position
            if frame.arrival_ns >= self.since_ns:
                yield Arrived(frame.payload, frame.arrival_ns, "", read)
