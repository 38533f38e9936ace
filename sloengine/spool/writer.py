"""Writing the segment that grows: whole blocks from memory of our own, past the page cache.

To copy 3 MB into the kernel's memory and have it written from there costs twice as much as to let
the disk fetch it from a buffer that is used again and again. The price is that only whole blocks
can be written: the last one is filled up with zeros, and written once more, with what follows in
it, by the next group. Sealing cuts the zeros off.
"""

from __future__ import annotations

import errno
import logging
import mmap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from sloengine.spool.filesystem import BLOCK, FileSystem
from sloengine.spool.segment import SEGMENT_HEADER, SegmentHeader, segment_path

_log = logging.getLogger(__name__)

BUFFER_BYTES = 2 * 1024 * 1024
"""One huge page. Twice as much gains 3 %, and a cache holds less of it."""
_LARGE = 512 * 1024
"""A copy of so many bytes takes longer than to hand the GIL over and to wait for it again."""
_REFUSED = frozenset({errno.EINVAL, errno.EOPNOTSUPP})


class BlockBuffer:
    """Memory in which frames become whole blocks: on a page's boundary, in one huge page where the
    system gives it. One segment at a time is written from it.
    """

    def __init__(self, size: int = BUFFER_BYTES) -> None:
        if size % BLOCK:
            raise ValueError(f"a buffer holds whole blocks of {BLOCK} bytes, not {size}")
        memory = mmap.mmap(-1, 2 * size)
        if advice := getattr(mmap, "MADV_HUGEPAGE", None):
            with suppress(OSError):
                memory.madvise(advice)
        array = np.frombuffer(memory, dtype=np.uint8)
        first = -array.ctypes.data % size
        self.bytes = array[first : first + size]
        self.view = memoryview(memory)[first : first + size]
        self.is_direct = True
        """Whether the file system takes direct writes, as far as is known."""

    def put(self, at: int, part: memoryview) -> None:
        """Copy bytes to a place; other threads run meanwhile where it is worth it."""
        if len(part) < _LARGE:
            self.view[at : at + len(part)] = part
        else:
            self.bytes[at : at + len(part)] = np.frombuffer(part, dtype=np.uint8)


class SegmentWriter:
    """The segment that grows. After any error it must be abandoned.

    A failed fsync drops the pages it could not write and clears the error, so a second fsync on the
    same descriptor would report success for bytes that are gone (the PostgreSQL finding of 2018).
    """

    def __init__(self, files: FileSystem, path: Path, fd: int, buffer: BlockBuffer) -> None:
        self._files = files
        self._path = path
        self._fd = fd
        self._buffer = buffer
        self._written = 0
        """Bytes of the file in blocks that are full."""
        self._tail = 0
        """Bytes of the block behind them, which stand at the head of the buffer, too."""

    @classmethod
    def create(
        cls,
        files: FileSystem,
        directory: Path,
        header: SegmentHeader,
        frames: Sequence[bytes],
        buffer: BlockBuffer,
    ) -> SegmentWriter:
        """Begin a segment that holds its first frames already, durably.

        Written under another name and renamed, so that no empty or headless segment can exist, and
        so that a segment of the same base whose first write failed is replaced.
        """
        if buffer.is_direct:
            try:
                return cls._create(files, directory, header, frames, buffer)
            except OSError as error:
                if error.errno not in _REFUSED:
                    raise
                buffer.is_direct = False
                _log.info(
                    "spool folder %s: the file system refuses direct writes (%s); "
                    "they go through the page cache, which costs more CPU",
                    directory,
                    error.strerror,
                )
        return cls._create(files, directory, header, frames, buffer)

    @classmethod
    def _create(
        cls,
        files: FileSystem,
        directory: Path,
        header: SegmentHeader,
        frames: Sequence[bytes],
        buffer: BlockBuffer,
    ) -> SegmentWriter:
        path = segment_path(directory, header.base)
        beside = path.with_name(path.name + ".tmp")
        fd = files.create_direct(beside) if buffer.is_direct else files.create(beside)
        writer = cls(files, path, fd, buffer)
        try:
            writer.append([header.pack(), *frames])
            files.rename(beside, path)
            files.sync_directory(directory)
        except OSError:
            with suppress(OSError):
                files.close(fd)
            with suppress(OSError):
                files.remove(beside)
            raise
        return writer

    def append(self, frames: Sequence[bytes]) -> None:
        """Write frames and make them durable with one fsync."""
        buffer = self._buffer
        size = len(buffer.bytes)
        filled = self._tail
        for frame in frames:
            rest = memoryview(frame)
            while rest:
                part = rest[: size - filled]
                buffer.put(filled, part)
                filled += len(part)
                rest = rest[len(part) :]
                if filled == size:
                    self._put(size)
                    self._written += size
                    filled = 0
        full = filled - filled % BLOCK
        if filled > full:
            buffer.bytes[filled : full + BLOCK] = 0
            self._put(full + BLOCK)
            buffer.bytes[: filled - full] = buffer.bytes[full:filled]
        elif full:
            self._put(full)
        self._written += full
        self._tail = filled - full
        self._files.sync(self._fd)

    def seal(self) -> None:
        """Stop writing; everything appended is durable already.

        A file that keeps its last zeros, because the disk fails, is as good: recovery knows them.
        """
        with suppress(OSError):
            self._files.cut(self._fd, self._written + self._tail)
        self._close()

    def abandon(self, durable_bytes: int) -> None:
        """Stop writing after an error and cut off what may or may not have reached the disk.

        Cutting only saves room: a segment's frames end where the next segment begins.
        """
        self._close()
        with suppress(OSError):
            self._files.truncate(self._path, SEGMENT_HEADER + durable_bytes)

    def _put(self, size: int) -> None:
        """Write the head of the buffer behind the full blocks, however short the writes are."""
        done = 0
        while done < size:
            done += self._files.write_at(
                self._fd, self._buffer.view[done:size], self._written + done
            )

    def _close(self) -> None:
        with suppress(OSError):
            self._files.close(self._fd)
