"""Parts that the spool's tests share: payloads with known traces, and disks that misbehave."""

from __future__ import annotations

import errno
import os
import random
import shutil
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from sloengine.clock import FrozenClock
from sloengine.errors import RetryError
from sloengine.spool import FileSystem, Frame, Spool

SECTOR = 512
"""The least that a disk writes whole or not at all."""
STORE = "00000000-0000-4000-8000-000000000001"


def payload_of(trace_ids: Sequence[int], filler: bytes = b"") -> bytes:
    """A payload in which `trace_ids_of` finds exactly these traces."""
    ids = b"".join(trace_id.to_bytes(16, "big") for trace_id in trace_ids)
    return bytes([len(trace_ids)]) + ids + filler


def trace_ids_of(payload: bytes) -> list[int]:
    count = payload[0]
    return [int.from_bytes(payload[1 + 16 * n : 17 + 16 * n], "big") for n in range(count)]


def open_spool(
    directory: Path,
    *,
    files: FileSystem | None = None,
    clock: FrozenClock | None = None,
    store_id: str = STORE,
    segment_bytes: int = 1 << 20,
    disk_budget: int = 1 << 30,
    sync_interval_s: float = 0.0,
    horizon_ns: int | None = None,
    committed: int = 0,
    probe_interval_s: float = 0.005,
    compress_share: float = 0.0,
    compress_above: float = 0.0,
) -> Spool:
    return Spool.open(
        directory,
        store_id=store_id,
        clock=clock or FrozenClock(10**18),
        trace_ids_of=trace_ids_of,
        segment_bytes=segment_bytes,
        disk_budget=disk_budget,
        sync_interval_s=sync_interval_s,
        horizon_ns=horizon_ns,
        committed=committed,
        probe_interval_s=probe_interval_s,
        compress_share=compress_share,
        compress_from=1,
        compress_above=compress_above,
        files=files,
    )


def put(spool: Spool, payload: bytes, *, arrival_ns: int = 1) -> int:
    """Append one payload and wait until it is durable."""
    position = spool.append(payload, arrival_ns=arrival_ns, trace_ids=trace_ids_of(payload))
    spool.wait_durable(position, 10.0)
    return position


def wait_until_accepted(spool: Spool, payload: bytes) -> int:
    """Send until it is accepted, as a sender does. The waiting is the spool's own."""
    while True:
        try:
            return put(spool, payload)
        except RetryError as refused:
            threading.Event().wait(refused.retry_after_s)


def everything(spool: Spool) -> list[Frame]:
    return list(spool.read(spool.start))


class HookedFileSystem(FileSystem):
    """The real disk, with a hook before each operation, which may raise."""

    def __init__(self, before: Callable[[str], None]) -> None:
        self.before = before

    def create(self, path: Path) -> int:
        self.before("create")
        return super().create(path)

    def create_direct(self, path: Path) -> int:
        self.before("create")
        return super().create_direct(path)

    def open_read(self, path: Path) -> int:
        self.before("open_read")
        return super().open_read(path)

    def write(self, fd: int, buffers: Sequence[bytes]) -> int:
        self.before("write")
        return super().write(fd, buffers)

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        self.before("write")
        return super().write_at(fd, data, offset)

    def cut(self, fd: int, size: int) -> None:
        self.before("cut")
        super().cut(fd, size)

    def read(self, fd: int, size: int, offset: int) -> bytes:
        self.before("read")
        return super().read(fd, size, offset)

    def sync(self, fd: int) -> None:
        self.before("sync")
        super().sync(fd)

    def size(self, path: Path) -> int:
        self.before("size")
        return super().size(path)

    def truncate(self, path: Path, size: int) -> None:
        self.before("truncate")
        super().truncate(path, size)

    def rename(self, source: Path, target: Path) -> None:
        self.before("rename")
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        self.before("remove")
        super().remove(path)

    def make_directory(self, path: Path) -> None:
        self.before("make_directory")
        super().make_directory(path)

    def list_directory(self, path: Path) -> list[str]:
        self.before("list_directory")
        return super().list_directory(path)

    def sync_directory(self, path: Path) -> None:
        self.before("sync_directory")
        super().sync_directory(path)


class FailingFileSystem(HookedFileSystem):
    """Operation number `nth` (from 1) fails with `code`; where it is a write, after half of it.

    `broken` is set once it has failed. `counted`: which operations count, all if `None`.
    """

    def __init__(self, nth: int, code: int, counted: Collection[str] | None = None) -> None:
        super().__init__(self._count)
        self._counted = counted
        self._left = nth
        self._code = code
        self._counting = threading.Lock()
        self.broken = threading.Event()

    def write(self, fd: int, buffers: Sequence[bytes]) -> int:
        try:
            return super().write(fd, buffers)
        except OSError:
            data = b"".join(buffers)
            os.write(fd, data[: len(data) // 2])
            raise

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        try:
            return super().write_at(fd, data, offset)
        except OSError:
            os.pwrite(fd, data[: len(data) // 2 // SECTOR * SECTOR], offset)
            raise

    def _count(self, operation: str) -> None:
        if self._counted is not None and operation not in self._counted:
            return
        with self._counting:
            self._left -= 1
            if self._left == 0:
                self.broken.set()
                raise OSError(self._code, f"{os.strerror(self._code)} (injected in {operation})")


class ShortFileSystem(FileSystem):
    """Takes only so many bytes at a write, seven unless told, and gives at most five at a read.

    No disk takes direct writes of such sizes, so they go through the page cache.
    """

    def __init__(self, most: int = 7) -> None:
        self._most = most

    def create_direct(self, path: Path) -> int:
        return super().create(path)

    def write(self, fd: int, buffers: Sequence[bytes]) -> int:
        return os.write(fd, b"".join(buffers)[: self._most])

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        return super().write_at(fd, data[: self._most], offset)

    def read(self, fd: int, size: int, offset: int) -> bytes:
        return super().read(fd, min(size, 5), offset)


class ForgetfulFileSystem(FileSystem):
    """A disk that loses in a crash what was not synced: bytes, lengths and names.

    `crash` leaves in `target` what a power cut might: of every file whose name was synced, the
    synced bytes, and perhaps a part of what was written since, behind them or over them, sector by
    sector; what is new perhaps scrambled; of every change of names since the last sync of the
    folder, none or all.
    """

    def __init__(self, directory: Path, shadow: Path) -> None:
        self._directory = directory
        self._shadow = shadow
        self._shadow.mkdir()
        self._lock = threading.RLock()
        self._dead = False
        self._inodes: dict[int, Path] = {}
        self._synced: dict[int, bytes] = {}
        self._names: dict[str, int] = {}
        self._durable_names: dict[str, int] = {}
        for path in directory.iterdir() if directory.exists() else ():
            if path.is_file():
                self._adopt(path)
                self._synced[self._names[path.name]] = path.read_bytes()
        self._durable_names = dict(self._names)

    def create(self, path: Path) -> int:
        with self._lock:
            self._alive()
            path.unlink(missing_ok=True)
            fd = super().create(path)
            if path.parent == self._directory:
                self._adopt(path)
            return fd

    def create_direct(self, path: Path) -> int:
        with self._lock:
            self._alive()
            path.unlink(missing_ok=True)
            fd = super().create_direct(path)
            self._adopt(path)
            return fd

    def write(self, fd: int, buffers: Sequence[bytes]) -> int:
        with self._lock:
            self._alive()
            return super().write(fd, buffers)

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        with self._lock:
            self._alive()
            return super().write_at(fd, data, offset)

    def cut(self, fd: int, size: int) -> None:
        with self._lock:
            self._alive()
            super().cut(fd, size)

    def sync(self, fd: int) -> None:
        with self._lock:
            self._alive()
            inode = os.fstat(fd).st_ino
            if inode in self._inodes:
                self._synced[inode] = self._inodes[inode].read_bytes()

    def truncate(self, path: Path, size: int) -> None:
        with self._lock:
            self._alive()
            super().truncate(path, size)
            self._synced[path.stat().st_ino] = path.read_bytes()

    def rename(self, source: Path, target: Path) -> None:
        with self._lock:
            self._alive()
            super().rename(source, target)
            inode = self._names.pop(source.name, None)
            if inode is not None and target.parent == self._directory:
                self._names[target.name] = inode

    def remove(self, path: Path) -> None:
        with self._lock:
            self._alive()
            super().remove(path)
            self._names.pop(path.name, None)

    def sync_directory(self, path: Path) -> None:
        with self._lock:
            self._alive()
            assert path == self._directory
            self._durable_names = dict(self._names)

    def crash(self, target: Path, dice: random.Random) -> None:
        """Stop the disk for its user, and leave in `target` what survived."""
        with self._lock:
            self._dead = True
            target.mkdir()
            names = self._names if dice.random() < 0.5 else self._durable_names
            for name, inode in names.items():
                data = self._inodes[inode].read_bytes()
                survived = after_a_power_cut(self._synced.get(inode, b""), data, dice)
                (target / name).write_bytes(survived)
            shutil.rmtree(self._shadow)

    def _adopt(self, path: Path) -> None:
        inode = path.stat().st_ino
        # A second name keeps the bytes at hand when the first is removed or replaced.
        self._inodes[inode] = self._shadow / str(len(self._inodes))
        os.link(path, self._inodes[inode])
        self._names[path.name] = inode

    def _alive(self) -> None:
        if self._dead:
            raise OSError(errno.EIO, "the machine is off")


def after_a_power_cut(synced: bytes, written: bytes, dice: random.Random) -> bytes:
    """What a file may hold after a crash: every sector as it was synced, as it was written since,
    or begun anew and not finished. What was never synced may be missing, or another.
    """
    if len(written) < len(synced):
        return written if dice.random() < 0.5 else synced
    size = dice.randint(len(synced), len(written))
    result = bytearray(synced.ljust(size, b"\0"))
    for at in range(0, size, SECTOR):
        if dice.random() < 0.8:
            new = written[at : min(at + SECTOR, size)]
            new = new if dice.random() < 0.7 else new[: dice.randint(0, len(new))]
            result[at : at + len(new)] = new
    if size > len(synced) and dice.random() < 0.3:
        result[dice.randrange(len(synced), size)] ^= 1 << dice.randrange(8)
    return bytes(result)
