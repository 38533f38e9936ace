"""Where damaged bytes are kept and counted: nothing that was accepted disappears in silence."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path

from sloengine.spool.filesystem import FileSystem, write_file
from sloengine.spool.folder import QUARANTINE_NAME
from sloengine.spool.frame import Damage, Source

_log = logging.getLogger(__name__)
_CHUNK = 1024 * 1024


class Quarantine:
    """The ledger of damage found since the spool was opened; safe to use from several threads.

    The same damage is counted once, however often it is read.
    """

    def __init__(self, files: FileSystem, directory: Path) -> None:
        self._files = files
        self._directory = directory / QUARANTINE_NAME
        self._lock = threading.Lock()
        self._seen: set[int] = set()
        self.frames = 0
        """Frames that cannot be read any more; by sequence number, so those in a gap too."""
        self.lost_bytes = 0
        self.torn_bytes = 0
        """Never acknowledged: writes that a crash cut short."""

    def keep(self, segment: Path, damage: Damage, source: Source) -> None:
        """Copy damaged bytes out of a segment, count them, and say so once."""
        if not self._first(damage.position, damage.length, damage.frames or 1):
            return
        target = self._directory / f"{damage.position:020d}-{damage.length}.bin"
        _log.error(
            "spool: %s: %d bytes at position %d are damaged, %s frames are lost; "
            "the bytes are kept in %s",
            segment,
            damage.length,
            damage.position,
            damage.frames or "at least 1",
            target,
        )
        # The copy only outlives the segment; where the disk is full the segment still has it.
        with suppress(OSError):
            self._files.make_directory(self._directory)
            chunks = [
                source(at, min(_CHUNK, damage.position + damage.length - at))
                for at in range(damage.position, damage.position + damage.length, _CHUNK)
            ]
            write_file(self._files, target, chunks, durable=True)

    def move(self, path: Path) -> None:
        """Take a whole file that has a segment's name and not one intact frame out of the log."""
        size = self._files.size(path)
        target = self._directory / path.name
        while target.exists():
            target = target.with_name(target.name + "+")
        self._files.make_directory(self._directory)
        self._files.rename(path, target)
        with self._lock:
            self.frames += 1
            self.lost_bytes += size
        _log.error("spool: %s holds no intact frame; it was moved to %s", path, target)

    def gap(self, position: int, length: int, frames: int) -> None:
        """Count a stretch of the log of which no file exists."""
        if self._first(position, length, frames):
            _log.error(
                "spool: %d bytes at position %d are missing, %d frames are lost",
                length,
                position,
                frames,
            )

    def torn(self, segment: Path, length: int) -> None:
        """Count the tail of a write that a crash cut short."""
        with self._lock:
            self.torn_bytes += length
        _log.warning(
            "spool: %s: %d bytes of an unfinished write were cut off; "
            "they had not been acknowledged",
            segment,
            length,
        )

    def _first(self, position: int, length: int, frames: int) -> bool:
        with self._lock:
            if position in self._seen:
                return False
            self._seen.add(position)
            self.frames += frames
            self.lost_bytes += length
            return True
