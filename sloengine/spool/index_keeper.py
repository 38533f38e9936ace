"""Indexes of sealed segments: written at the seal, mapped when asked for, rebuilt when lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from sloengine.errors import RetryError, SloengineError
from sloengine.spool.compression import Compressed
from sloengine.spool.filesystem import FileSystem
from sloengine.spool.index import (
    ArrayIndex,
    Index,
    MemoryIndex,
    TraceHasher,
    load_index,
    write_index,
)
from sloengine.spool.reader import SegmentReader
from sloengine.spool.segment import Segment

_log = logging.getLogger(__name__)

TraceIdsOf = Callable[[bytes], Sequence[int]]
"""Payload without compression → the distinct 128-bit trace ids in it."""


class IndexKeeper:
    """Owns the index files. Acceptance never waits for one: a thread of its own writes them."""

    def __init__(
        self,
        files: FileSystem,
        hasher: TraceHasher,
        trace_ids_of: TraceIdsOf,
        reader: SegmentReader,
    ) -> None:
        self._files = files
        self._hasher = hasher
        self._trace_ids_of = trace_ids_of
        self._reader = reader
        self._closing = threading.Event()
        self._building = threading.Lock()
        self._writing = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool-index")

    def of(self, segment: Segment) -> Index:
        """Return a segment's index; slow where it must be built from the segment.

        Raises:
            RetryError: The segment cannot be read now.
        """
        if segment.index is None:
            with self._building:
                if segment.index is None:
                    segment.index = self._loaded(segment)
                if segment.index is None:
                    segment.index = self._built(segment)
                    self.seal(segment)
        return segment.index

    def seal(self, segment: Segment) -> None:
        """Write the index of a segment that will not grow any more, soon."""
        # At the end no more work is taken; the next start builds what is missing.
        with suppress(RuntimeError):
            self._thread.submit(self._seal, segment)

    def remove(self, segment: Segment) -> None:
        """Remove a segment's files, the frames first."""
        with self._writing:
            self._files.remove(segment.path)
            segment.removed = True
            self._files.remove(segment.index_path)

    def replace(self, segment: Segment, copy: Compressed) -> bool:
        """Put a compressed copy in a segment's place; tell whether the segment is still there."""
        with self._writing:
            if segment.removed:
                self._files.remove(copy.path)
                return False
            self._files.rename(copy.path, segment.path)
            segment.compressed_bytes = copy.size
            return True

    def close(self) -> None:
        """Finish what is being written; a segment left without an index gets one next time."""
        self._closing.set()
        self._thread.shutdown(wait=True)

    def _loaded(self, segment: Segment) -> ArrayIndex | None:
        try:
            return load_index(
                self._files,
                segment.index_path,
                fingerprint=self._hasher.fingerprint,
                base=segment.base,
                length=segment.end - segment.base,
            )
        except OSError:
            return None

    def _built(self, segment: Segment) -> MemoryIndex:
        index = MemoryIndex()
        for frame in self._reader.frames(segment, segment.base, segment.end):
            if self._closing.is_set():
                raise RetryError("spool: it is being closed")
            try:
                trace_ids = self._trace_ids_of(frame.payload)
            except SloengineError:
                _log.exception("spool: the frame at position %d cannot be indexed", frame.position)
                continue
            index.add(self._hasher.hashes(trace_ids), frame.position - segment.base)
        return index

    def _seal(self, segment: Segment) -> None:
        """Put an index file beside a sealed segment, and let go of the one in memory."""
        try:
            index = self.of(segment)
            if isinstance(index, ArrayIndex):
                return
            with self._writing:
                if segment.removed:
                    return
                size = write_index(
                    self._files,
                    segment.index_path,
                    index.sorted(),
                    fingerprint=self._hasher.fingerprint,
                    base=segment.base,
                    length=segment.end - segment.base,
                    next_sequence=segment.next_sequence,
                    last_arrival_ns=segment.last_arrival_ns,
                )
        except (OSError, SloengineError):
            # Only a later start is slower for it.
            if not self._closing.is_set():
                _log.warning("spool: no index written for %s", segment.path, exc_info=True)
            return
        segment.index_bytes = size
        segment.index = self._loaded(segment) or index
