"""The few operations by which the spool touches a disk, in one object that tests can replace."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

BLOCK = 4096
"""Direct writes take whole blocks, at a multiple of it in the file and in memory."""
_BUFFERS_PER_WRITE = 512
"""Linux takes at most 1,024 buffers in one call."""


class FileSystem:
    """The real disk. Every method may raise `OSError`; none retries.

    A test replaces it to fail the n-th operation, to write short, to count syncs, or to forget
    what was never synced.
    """

    def create(self, path: Path) -> int:
        """Open an empty file for writing and reading, readable by its owner only."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def create_direct(self, path: Path) -> int:
        """Open an empty file like `create`; what is written to it passes the page cache by.

        A file system that has no such writes says so here or at the first `write_at`, by `EINVAL`.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | getattr(os, "O_DIRECT", 0)
        return os.open(path, flags, 0o600)

    def open_read(self, path: Path) -> int:
        """Open a file for reading."""
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def write(self, fd: int, buffers: Sequence[bytes]) -> int:
        """Append buffers in one call; return how many bytes were taken, perhaps not all."""
        return os.writev(fd, buffers)

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        """Write at `offset`; return how many bytes were taken, perhaps not all."""
        return os.pwrite(fd, data, offset)

    def read(self, fd: int, size: int, offset: int) -> bytes:
        """Read up to `size` bytes at `offset`; empty at the end."""
        return os.pread(fd, size, offset)

    def sync(self, fd: int) -> None:
        """Make a file's bytes and length durable.

        Linux then forgets its copy of them in memory, all but the last page: they are rarely read
        again, and to write into memory that was used a moment ago costs a third of writing into
        memory that never was.
        """
        os.fdatasync(fd)
        if sys.platform == "linux" and (whole := os.fstat(fd).st_size & -BLOCK):
            os.posix_fadvise(fd, 0, whole, os.POSIX_FADV_DONTNEED)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def size(self, path: Path) -> int:
        """Return a file's length in bytes."""
        return path.stat().st_size

    def size_of(self, fd: int) -> int:
        """Return the length in bytes of an open file, even of one that was removed since."""
        return os.fstat(fd).st_size

    def cut(self, fd: int, size: int) -> None:
        """Cut an open file to `size` bytes, not durably."""
        os.ftruncate(fd, size)

    def truncate(self, path: Path, size: int) -> None:
        """Cut a file to `size` bytes, durably."""
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.ftruncate(fd, size)
            os.fdatasync(fd)
        finally:
            os.close(fd)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, in place of whatever had it."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is gone already is no error."""
        path.unlink(missing_ok=True)

    def make_directory(self, path: Path) -> None:
        """Create a folder (and those above it) for its owner only; an existing one is kept."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def list_directory(self, path: Path) -> list[str]:
        """Return the names in a folder, sorted."""
        return sorted(entry.name for entry in path.iterdir())

    def sync_directory(self, path: Path) -> None:
        """Make created, renamed and removed names of a folder durable."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def write_all(files: FileSystem, fd: int, buffers: Sequence[bytes]) -> None:
    """Append every byte of `buffers`, however short the single writes are."""
    for first in range(0, len(buffers), _BUFFERS_PER_WRITE):
        group = buffers[first : first + _BUFFERS_PER_WRITE]
        wanted = sum(map(len, group))
        written = files.write(fd, group)
        if written == wanted:
            continue
        rest = memoryview(b"".join(group))[written:]
        while rest:
            written = files.write(fd, [bytes(rest)])
            rest = rest[written:]


def read_all(files: FileSystem, fd: int, size: int, offset: int) -> bytes:
    """Read `size` bytes at `offset`; fewer only where the file ends."""
    data = files.read(fd, size, offset)
    if len(data) == size or not data:
        return data
    parts = [data]
    got = len(data)
    while got < size and (data := files.read(fd, size - got, offset + got)):
        parts.append(data)
        got += len(data)
    return b"".join(parts)


def write_file(files: FileSystem, path: Path, buffers: Sequence[bytes], *, durable: bool) -> None:
    """Put a whole file in place at once: written beside, renamed. Never seen half-written.

    The caller syncs the folder where the name must be durable.
    """
    beside = path.with_name(path.name + ".tmp")
    fd = files.create(beside)
    try:
        write_all(files, fd, buffers)
        if durable:
            files.sync(fd)
    finally:
        files.close(fd)
    files.rename(beside, path)
