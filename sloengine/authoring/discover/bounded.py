"""No more than so much of a source: what is read into memory must have an end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sloengine.otlp.files import FileRequest
from sloengine.replay import TraceSource


class _Bounded:
    """One of several sources that share a bound; every reading stops at the same place."""

    def __init__(self, source: TraceSource, before: Sequence[_Bounded], most_bytes: int) -> None:
        self._source = source
        self._before = tuple(before)
        self._most_bytes = most_bytes
        self._used = 0
        self.path: Path = source.path
        self.bytes: int | None = getattr(source, "bytes", None)
        self.was_cut = False

    def requests(self) -> Iterator[FileRequest]:
        """Yield requests until the bound is reached."""
        room = self._most_bytes - sum(source._used for source in self._before)
        self._used = 0
        for request in self._source.requests():
            if self._used >= room:
                self.was_cut = True
                return
            self._used += len(request.payload)
            yield request


def bounded(sources: Sequence[TraceSource], most_bytes: int) -> list[_Bounded]:
    """Return sources that together give about `most_bytes` of requests, the first ones first.

    They must be read one after the other, in their order.
    """
    found: list[_Bounded] = []
    for source in sources:
        found.append(_Bounded(source, found, most_bytes))
    return found
