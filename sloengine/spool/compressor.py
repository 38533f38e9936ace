"""The thread that compresses sealed segments, within its share of a core."""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path

from sloengine.clock import Clock
from sloengine.spool.compression import compress
from sloengine.spool.filesystem import FileSystem
from sloengine.spool.index_keeper import IndexKeeper
from sloengine.spool.segment import Segment

_log = logging.getLogger(__name__)


class Compressor:
    """Compresses segments one after another, oldest first; acceptance never waits for it.

    Nothing depends on it but the room that history takes: what it cannot keep up with, or what is
    removed before its turn, stays as it is. It works for `share` of the time, 0 to 1, and leaves
    segments of fewer than `smallest` bytes alone.
    """

    def __init__(
        self,
        directory: Path,
        *,
        files: FileSystem,
        indexes: IndexKeeper,
        clock: Clock,
        share: float,
        smallest: int,
    ) -> None:
        self._directory = directory
        self._files = files
        self._indexes = indexes
        self._clock = clock
        self._share = share
        self._smallest = smallest
        self._segments: queue.SimpleQueue[Segment | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if share > 0:
            self._thread = threading.Thread(target=self._run, name="spool-compress", daemon=True)
            self._thread.start()

    def take(self, segment: Segment) -> None:
        """Compress a sealed segment when its turn comes."""
        large = segment.end - segment.base >= self._smallest
        if self._thread is not None and large and segment.compressed_bytes is None:
            self._segments.put(segment)

    def close(self) -> None:
        """Stop; what is not finished is begun again after the next start."""
        self._closing.set()
        self._segments.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while segment := self._segments.get():
            if self._closing.is_set():
                return
            try:
                self._compress(segment)
            except OSError as error:
                # Only room is at stake; whoever writes hears of a failing disk by himself.
                _log.warning("spool: %s could not be compressed: %s", segment.path, error)

    def _compress(self, segment: Segment) -> None:
        begun_ns = self._clock.monotonic_ns()

        def rest() -> bool:
            nonlocal begun_ns
            worked_s = (self._clock.monotonic_ns() - begun_ns) / 1e9
            stop = self._closing.wait(worked_s * (1 / self._share - 1))
            begun_ns = self._clock.monotonic_ns()
            return not stop and not segment.removed

        try:
            copy = compress(self._files, segment.path, segment.end - segment.base, rest)
        except FileNotFoundError:
            return
        if copy is not None and self._indexes.replace(segment, copy):
            self._files.sync_directory(self._directory)
