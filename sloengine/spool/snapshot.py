"""`SpoolSnapshot`: the frames that a spool holds now, for those who only look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sloengine.errors import StoreError
from sloengine.spool.compression import length_of, source_of
from sloengine.spool.filesystem import FileSystem, read_all
from sloengine.spool.frame import Damage, Frame, Source, walk
from sloengine.spool.segment import SEGMENT_HEADER, SegmentHeader, base_of, segment_path


@dataclass(frozen=True, slots=True)
class _Part:
    fd: int
    base: int
    stop: int
    header: SegmentHeader | None
    source: Source
    damaged: bool
    """The table of a compressed segment cannot be read, and so nothing of it."""


class SpoolSnapshot:
    """A spool as it was when it was looked at, beside the engine that writes it or without one.

    It takes no lock and writes nothing: recovery, quarantine and indexes are the engine's. What is
    appended later is not seen; what retention removes later can still be read, because the files
    stay open. Frames that a crash may still take back (written, not yet synced) are among those
    seen. Close it, or use it in `with`. One thread at a time.
    """

    def __init__(self, directory: Path, parts: list[_Part], files: FileSystem) -> None:
        self._directory = directory
        self._parts = parts
        self._files = files
        self.damaged_bytes = 0
        """Bytes that the last reading stepped over; an unfinished last frame is none."""

    @classmethod
    def open(cls, directory: Path, *, newest_bytes: int | None = None) -> Self:
        """Look at the segments of a spool folder.

        `newest_bytes`: only as many of the newest segments as hold this much (`None`: all).

        Raises:
            StoreError: there is no spool, or it cannot be read.
        """
        files = FileSystem()
        parts: list[_Part] = []
        try:
            names = files.list_directory(directory)
            bases = sorted(base for name in names if (base := base_of(name)) is not None)
            following: int | None = None
            held = 0
            for base in reversed(bases):
                if newest_bytes is not None and held >= newest_bytes:
                    break
                part = _open_part(files, directory, base, following)
                if part is not None:
                    parts.append(part)
                    held += part.stop - part.base
                    following = base
        except OSError as exc:
            for part in parts:
                files.close(part.fd)
            raise StoreError(
                f'spool folder "{directory}": cannot be read ({exc.strerror}: {exc.filename}); '
                "name the folder of a store that an engine writes, and run as its user"
            ) from exc
        return cls(directory, parts[::-1], files)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the files go. Closing twice does nothing."""
        for part in self._parts:
            self._files.close(part.fd)
        self._parts = []

    @property
    def directory(self) -> Path:
        """The spool's folder."""
        return self._directory

    @property
    def bytes(self) -> int:
        """How many bytes of frames `frames` reads."""
        return sum(part.stop - part.base for part in self._parts)

    def frames(self) -> Iterator[Frame]:
        """Yield the intact frames, oldest first; can be called again, and yields the same.

        Raises:
            StoreError: the disk reports an error.
        """
        self.damaged_bytes = 0
        seed = next((part.header.seed for part in self._parts if part.header is not None), 0)
        for number, part in enumerate(self._parts):
            is_last = number + 1 == len(self._parts)
            try:
                for item in walk(part.source, part.base, part.stop, seed=seed, sequence=None):
                    if isinstance(item, Frame):
                        yield item
                    elif part.damaged or not (is_last and _is_unfinished(item)):
                        self.damaged_bytes += item.length
            except OSError as exc:
                raise StoreError(
                    f'spool folder "{self._directory}": cannot be read on ({exc.strerror}); '
                    "check the disk"
                ) from exc


def _open_part(
    files: FileSystem, directory: Path, base: int, following: int | None
) -> _Part | None:
    """Open one segment; `None` where retention has just removed it."""
    path = segment_path(directory, base)
    try:
        fd = files.open_read(path)
    except FileNotFoundError:
        return None
    try:
        header = SegmentHeader.parse(read_all(files, fd, SEGMENT_HEADER, 0))
        # As many bytes as there are now: the writer may go on beside us.
        length = length_of(files, fd, header)
        source = source_of(files, fd, base, header)
        stop = base + (files.size_of(fd) if length is None else length)
    except OSError:
        files.close(fd)
        raise
    stop = stop if following is None else min(stop, following)
    return _Part(fd, base, stop, header, source, damaged=length is None)


def _is_unfinished(damage: Damage) -> bool:
    return damage.frames is None and damage.torn
