"""The segments of the log: the one that grows, the sealed ones, and the room they take."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sloengine.clock import Clock
from sloengine.spool.compressor import Compressor
from sloengine.spool.filesystem import BLOCK, FileSystem
from sloengine.spool.folder import Identity
from sloengine.spool.frame import FRAME_HEADER, Frame
from sloengine.spool.index import INDEX_ENTRY, INDEX_HEADER, Hashes, MemoryIndex
from sloengine.spool.index_keeper import IndexKeeper
from sloengine.spool.segment import (
    SEGMENT_HEADER,
    SEGMENT_VERSION,
    Segment,
    SegmentHeader,
    segment_path,
)
from sloengine.spool.writer import BlockBuffer, SegmentWriter

_log = logging.getLogger(__name__)

SEGMENT_ROOM = SEGMENT_HEADER + INDEX_HEADER + BLOCK
"""What a segment takes beside its frames, with the zeros in its last block while it grows."""


@dataclass(frozen=True, slots=True)
class NewFrame:
    """A frame that has a position and is not durable yet."""

    frame: Frame
    header: bytes
    hashes: Hashes
    """Of the trace ids in it."""

    @property
    def size(self) -> int:
        """Bytes in the log."""
        return FRAME_HEADER + len(self.frame.stored)

    @property
    def disk_bytes(self) -> int:
        """Bytes in the log and its index."""
        return self.size + INDEX_ENTRY * len(self.hashes)


class SegmentLog:
    """Writes frames into segments and removes old segments.

    `fitting`, `write`, `seal` and `abandon` belong to one thread; everything else may be called
    from any. No disk is touched under the lock that readers need.
    """

    def __init__(
        self,
        directory: Path,
        *,
        files: FileSystem,
        identity: Identity,
        clock: Clock,
        indexes: IndexKeeper,
        compressor: Compressor,
        segment_bytes: int,
        disk_budget: int,
        segments: list[Segment],
        committed: int,
    ) -> None:
        self._directory = directory
        self._files = files
        self._identity = identity
        self._clock = clock
        self._indexes = indexes
        self._compressor = compressor
        self._segment_bytes = segment_bytes
        self._disk_budget = disk_budget
        self._lock = threading.Lock()
        self._removing = threading.Lock()
        self._segments = segments
        """The last one grows while `_writer` is set."""
        self._writer: SegmentWriter | None = None
        self._buffer = BlockBuffer()
        self._committed = committed
        self._bytes = 0
        self._reclaimable = 0
        self.measure()
        for segment in segments:
            if not segment.index_bytes:
                indexes.seal(segment)

    def segments(self) -> tuple[Segment, ...]:
        """Return the segments, oldest first."""
        with self._lock:
            return tuple(self._segments)

    def sealed(self) -> tuple[Segment, ...]:
        """Return the segments that will not grow any more, oldest first."""
        with self._lock:
            return tuple(self._segments if self._writer is None else self._segments[:-1])

    @property
    def committed(self) -> int:
        """The store needs no frame before this position after a crash."""
        return self._committed

    @property
    def disk_bytes(self) -> int:
        """Bytes on disk."""
        return self._bytes

    @property
    def kept_bytes(self) -> int:
        """Bytes on disk that could not be removed to make room."""
        return self._bytes - self._reclaimable

    def measure(self) -> None:
        """Count the bytes on disk again: a segment was sealed, committed, indexed or removed."""
        with self._lock:
            sealed = self._segments if self._writer is None else self._segments[:-1]
            self._bytes = sum(segment.bytes_on_disk for segment in self._segments)
            self._reclaimable = sum(s.bytes_on_disk for s in sealed if s.end <= self._committed)

    def commit(self, position: int) -> None:
        """Note what the store has made safe."""
        self._committed = max(self._committed, position)
        self.measure()

    # -- the thread that writes --------------------------------------------------------------

    def fitting(self, frames: Sequence[NewFrame]) -> list[NewFrame]:
        """Return those of the oldest frames that the next `write` should take, at least one.

        Frames are never split. Where not even the first fits, the growing segment is sealed.
        """
        size = 0
        if self._writer is not None:
            size = self._segments[-1].end - self._segments[-1].base
            if size + frames[0].size > self._segment_bytes:
                self.seal()
                size = 0
        batch: list[NewFrame] = []
        for item in frames:
            if size and size + item.size > self._segment_bytes:
                break
            batch.append(item)
            size += item.size
        return batch

    def write(self, batch: Sequence[NewFrame]) -> None:
        """Make frames durable, with one fsync.

        Raises:
            OSError: None of them may be taken for durable; `abandon` must follow.
        """
        buffers = [part for item in batch for part in (item.header, item.frame.stored)]
        size = SEGMENT_ROOM + sum(item.disk_bytes for item in batch)
        while self._bytes + size > self._disk_budget and self.remove_oldest():
            pass
        if self._writer is not None:
            self._writer.append(buffers)
            segment = self._segments[-1]
        else:
            writer, segment = self._begin(batch[0].frame, buffers)
            with self._lock:
                self._writer = writer
                self._segments.append(segment)
                self._bytes += SEGMENT_HEADER + INDEX_HEADER
        index = segment.index
        with self._lock:
            for item in batch:
                if isinstance(index, MemoryIndex):
                    index.add(item.hashes, item.frame.position - segment.base)
                segment.last_arrival_ns = max(segment.last_arrival_ns, item.frame.arrival_ns)
            segment.next_sequence = batch[-1].frame.sequence + 1
            segment.end = batch[-1].frame.next_position
            self._bytes += sum(item.disk_bytes for item in batch)

    def _begin(self, first: Frame, buffers: list[bytes]) -> tuple[SegmentWriter, Segment]:
        header = SegmentHeader(
            version=SEGMENT_VERSION,
            seed=self._identity.seed,
            store=self._identity.store,
            base=first.position,
            first_sequence=first.sequence,
            created_ns=self._clock.now_ns(),
        )
        writer = SegmentWriter.create(self._files, self._directory, header, buffers, self._buffer)
        segment = Segment(
            path=segment_path(self._directory, first.position),
            base=first.position,
            end=first.position,
            first_sequence=first.sequence,
            next_sequence=first.sequence,
            last_arrival_ns=first.arrival_ns,
            index=MemoryIndex(),
        )
        return writer, segment

    def seal(self) -> None:
        """End the growing segment, if there is one; the next frame begins another."""
        if self._writer is not None:
            self._writer.seal()
            self._sealed()

    def abandon(self) -> None:
        """After an error: give up the growing segment's file behind what is durable in it."""
        if self._writer is not None:
            segment = self._segments[-1]
            self._writer.abandon(segment.end - segment.base)
            self._sealed()

    def _sealed(self) -> None:
        with self._lock:
            self._writer = None
            segment = self._segments[-1]
        self.measure()
        self._indexes.seal(segment)
        self._compressor.look()

    # -- room --------------------------------------------------------------------------------

    def expire(self, horizon_ns: int) -> None:
        """Remove committed segments in which nothing arrived for `horizon_ns`."""
        before_ns = self._clock.now_ns() - horizon_ns
        while self.remove_oldest(before_ns=before_ns):
            pass

    def remove_oldest(self, *, before_ns: int | None = None) -> bool:
        """Remove the oldest segment if it is sealed and committed; tell whether it was."""
        with self._removing:
            with self._lock:
                sealed = self._segments if self._writer is None else self._segments[:-1]
                oldest = next(iter(sealed), None)
            if oldest is None or oldest.end > self._committed:
                return False
            if before_ns is not None and oldest.last_arrival_ns >= before_ns:
                return False
            try:
                self._indexes.remove(oldest)
                self._files.sync_directory(self._directory)
            except OSError:
                _log.warning("spool: %s could not be removed", oldest.path, exc_info=True)
                return False
            with self._lock:
                self._segments.remove(oldest)
        self.measure()
        return True
