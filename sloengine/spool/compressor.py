"""The thread that compresses sealed segments, within its share of a core."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from sloengine.clock import Clock
from sloengine.spool.compression import compress
from sloengine.spool.filesystem import FileSystem
from sloengine.spool.index_keeper import IndexKeeper
from sloengine.spool.segment import Segment

_log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 1.0


class Compressor:
    """Compresses sealed segments one after another, oldest first; acceptance never waits for it.

    Nothing depends on it but the room that history takes: what it cannot keep up with, or what is
    removed before its turn, stays as it is. It begins with `start`, works for `share` of the time,
    0 to 1, and leaves segments of fewer than `smallest` bytes alone.
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
        self._closing = threading.Event()
        self._sealed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(
        self,
        is_needed: Callable[[], bool],
        sealed: Callable[[], Sequence[Segment]],
        measure: Callable[[], None],
    ) -> None:
        """Begin. `sealed` gives the sealed segments, oldest first; nothing is compressed while
        nobody needs the room; `measure` is called when there is more of it.
        """
        if self._share > 0:
            self._thread = threading.Thread(
                target=self._run,
                args=(is_needed, sealed, measure),
                name="spool-compress",
                daemon=True,
            )
            self._thread.start()

    def look(self) -> None:
        """Hear that another segment is sealed."""
        self._sealed.set()

    def close(self) -> None:
        """Stop; what is not finished is begun again after the next start."""
        self._closing.set()
        self._sealed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(
        self,
        is_needed: Callable[[], bool],
        sealed: Callable[[], Sequence[Segment]],
        measure: Callable[[], None],
    ) -> None:
        while not self._closing.is_set():
            segment = next(filter(self._is_worth_a_try, sealed()), None) if is_needed() else None
            if segment is None:
                self._sealed.wait(_LOOK_AGAIN_S)
                self._sealed.clear()
                continue
            segment.was_tried = True
            try:
                if self._compress(segment):
                    measure()
            except OSError as error:
                # Only room is at stake; whoever writes hears of a failing disk by himself.
                _log.warning("spool: %s could not be compressed: %s", segment.path, error)

    def _is_worth_a_try(self, segment: Segment) -> bool:
        is_plain = segment.compressed_bytes is None and not segment.was_tried
        return is_plain and segment.end - segment.base >= self._smallest

    def _compress(self, segment: Segment) -> bool:
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
            return False
        if copy is None or not self._indexes.replace(segment, copy):
            return False
        self._files.sync_directory(self._directory)
        return True
