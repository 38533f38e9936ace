"""The spool's folder: made, locked against a second process, and tied to one store."""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zlib_ng.zlib_ng import crc32

from sloengine.errors import StoreError
from sloengine.spool.filesystem import FileSystem, read_all, write_file
from sloengine.spool.index import HASH_KEYS, TraceHasher
from sloengine.spool.segment import (
    COMPRESSED_VERSION,
    SEGMENT_HEADER,
    SegmentHeader,
    base_of,
    segment_path,
    store_digest,
)

LOCK_NAME = "spool.lock"
IDENTITY_NAME = "spool.id"
QUARANTINE_NAME = "quarantine"
_MAGIC = b"SLOSPID\0"
_VERSION = 1
_FIELDS = struct.Struct(f"<8sH2xI16s{8 * HASH_KEYS}s")
_CHECK = struct.Struct("<I")


@contextmanager
def storage_errors(directory: Path, doing: str) -> Iterator[None]:
    """Turn the system's errors of opening a spool into one that says what to do."""
    try:
        yield
    except PermissionError as exc:
        raise StoreError(
            f'spool folder "{directory}": no permission while {doing} ({exc.strerror}: '
            f"{exc.filename}); give the folder to the user that runs the engine, "
            "or set store.directory to a folder it may write"
        ) from exc
    except (FileExistsError, NotADirectoryError) as exc:
        raise StoreError(
            f'spool folder "{directory}": {exc.filename} is not a folder; '
            "move it away, or set store.directory to a folder"
        ) from exc
    except OSError as exc:
        raise StoreError(
            f'spool folder "{directory}": error while {doing} ({exc.strerror}: {exc.filename}); '
            "nothing was changed that had been accepted; check the disk, then start again"
        ) from exc


@dataclass(frozen=True, slots=True)
class Identity:
    """What ties a folder to a store: its digest and the secrets made with it."""

    store: bytes
    seed: int
    hasher: TraceHasher


class FolderLock:
    """Keeps a second process out of the folder while this one lives, however it dies."""

    def __init__(self, directory: Path) -> None:
        self._fd = os.open(
            directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            owner = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreError(
                f'spool folder "{directory}" is in use by process {owner}; '
                "stop that process, or give this engine another store.directory"
            ) from exc
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process in."""
        os.close(self._fd)


def read_identity(files: FileSystem, directory: Path, store_id: str) -> Identity:
    """Read the folder's identity, or give it one.

    Raises:
        StoreError: The folder belongs to another store, or to a newer version of the engine.
    """
    store = store_digest(store_id)
    headers = [
        (name, header)
        for name in files.list_directory(directory)
        if (base := base_of(name)) is not None
        and (header := read_segment_header(files, segment_path(directory, base))) is not None
    ]
    for name, header in headers:
        _require(directory, name, header.store == store, header.version <= COMPRESSED_VERSION)
    path = directory / IDENTITY_NAME
    data = _contents(files, path, _FIELDS.size + _CHECK.size)
    if len(data) == _FIELDS.size + _CHECK.size:
        fields = data[: _FIELDS.size]
        magic, version, seed, owner, keys = _FIELDS.unpack(fields)
        if magic == _MAGIC and _CHECK.unpack_from(data, _FIELDS.size) == (crc32(fields),):
            _require(directory, IDENTITY_NAME, owner == store, version <= _VERSION)
            return Identity(store, seed, TraceHasher(keys))
    # Without the file, segments still know the seed; the indexes are built again by new keys.
    seed = headers[0][1].seed if headers else secrets.randbits(32)
    keys = secrets.token_bytes(8 * HASH_KEYS)
    fields = _FIELDS.pack(_MAGIC, _VERSION, seed, store, keys)
    write_file(files, path, [fields, _CHECK.pack(crc32(fields))], durable=True)
    files.sync_directory(directory)
    return Identity(store, seed, TraceHasher(keys))


def _require(directory: Path, name: str, same_store: bool, known_version: bool) -> None:
    if not known_version:
        raise StoreError(
            f'spool folder "{directory}": {name} was written by a newer version of the engine; '
            "start that version"
        )
    if not same_store:
        raise StoreError(
            f'spool folder "{directory}": {name} belongs to another store; put that store\'s '
            "database back beside it, or move the spool folder away to begin an empty one"
        )


def read_segment_header(files: FileSystem, path: Path) -> SegmentHeader | None:
    """Read a segment's first bytes; `None` where they are damaged or something else."""
    return SegmentHeader.parse(_contents(files, path, SEGMENT_HEADER))


def _contents(files: FileSystem, path: Path, size: int) -> bytes:
    try:
        fd = files.open_read(path)
    except FileNotFoundError:
        return b""
    try:
        return read_all(files, fd, size, 0)
    finally:
        files.close(fd)
