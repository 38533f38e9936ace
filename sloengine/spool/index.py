"""Which frames hold a trace: sorted arrays of a keyed hash of its id, one pair for each segment."""

from __future__ import annotations

import mmap
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from zlib_ng.zlib_ng import crc32

from sloengine.spool.filesystem import FileSystem, read_all, write_file

Hashes = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.uint32]
Rows = npt.NDArray[np.intp]

HASH_KEYS = 10
_HALF = np.uint64(32)
_MAGIC = b"SLOSPIDX"
_VERSION = 1
_FIELDS = struct.Struct("<8sHHIqqqqII4x")
_CHECK = struct.Struct("<I")
INDEX_HEADER = _FIELDS.size + _CHECK.size
INDEX_ENTRY = 12
"""Bytes in an index file for each (trace, frame) pair."""


@dataclass(frozen=True, slots=True)
class TraceIds:
    """128-bit trace ids in two columns, in any order; may repeat."""

    high: Hashes
    """The first eight bytes of each, big-endian."""
    low: Hashes

    @classmethod
    def of(cls, trace_ids: Sequence[int]) -> Self:
        """Return the ids of a sequence of integers, in the same order."""
        data = b"".join([trace_id.to_bytes(16, "big") for trace_id in trace_ids])
        columns = np.frombuffer(data, dtype=">u8").reshape(-1, 2).astype(np.uint64)
        return cls(columns[:, 0], columns[:, 1])

    def __len__(self) -> int:
        return len(self.high)

    def without_repeated_neighbours(self) -> TraceIds:
        """Return the ids without most of those that equal the one before: spans of a trace come
        together.

        Also, numpy lets go of the GIL for what has more than 500 elements, and every wait to have
        it back is long where several requests are in work.
        """
        is_first = _is_first(self.high)
        is_first |= _is_first(self.low)
        if 2 * np.count_nonzero(is_first) > len(self):
            return self
        return TraceIds(self.high[is_first], self.low[is_first])


class TraceHasher:
    """128-bit trace id → 64 bits, by keys that only this store knows.

    Two multilinear hashes of 32 bits over the id's four words (Lemire & Kaser, "Strongly universal
    string hashing is fast", 2014): for any two ids that a sender may choose, the chance of a
    collision is 2⁻⁶⁴ over the choice of keys.
    """

    def __init__(self, keys: bytes) -> None:
        each = np.frombuffer(keys, dtype="<u8").astype(np.uint64)
        if len(each) != HASH_KEYS:
            raise ValueError(f"{HASH_KEYS} keys of 8 bytes are needed, not {len(keys)} bytes")
        halves = each.reshape(2, -1)
        self._starts = halves[:, :1]
        # In the order in which the words stand in memory: each 64 bits' low half first.
        self._factors = np.ascontiguousarray(halves[:, [2, 1, 4, 3]])
        self.fingerprint = crc32(keys)

    def hashes(self, trace_ids: Sequence[int] | TraceIds) -> Hashes:
        """Return one hash for each id, in the same order."""
        ids = trace_ids if isinstance(trace_ids, TraceIds) else TraceIds.of(trace_ids)
        pairs = np.empty((len(ids), 2), dtype="<u8")
        pairs[:, 0] = ids.high
        pairs[:, 1] = ids.low
        # One product of matrices: for the few traces of a request, calls cost more than numbers.
        totals = self._factors @ pairs.view("<u4").T.astype(np.uint64)
        totals += self._starts
        totals >>= _HALF
        hashes: Hashes = totals[0] << _HALF
        hashes |= totals[1]
        return hashes

    def distinct(self, trace_ids: Sequence[int] | TraceIds) -> Hashes:
        """Return each hash once, in ascending order."""
        ids = trace_ids if isinstance(trace_ids, TraceIds) else TraceIds.of(trace_ids)
        hashes = self.hashes(ids.without_repeated_neighbours())
        hashes.sort()
        return hashes[_is_first(hashes)]


def _is_first(values: Hashes) -> npt.NDArray[np.bool_]:
    """Tell for each value whether the one before is another."""
    is_first = np.empty(len(values), dtype=np.bool_)
    is_first[:1] = True
    np.not_equal(values[1:], values[:-1], out=is_first[1:])
    return is_first


class ArrayIndex:
    """A sealed segment's index: arrays in memory or mapped from a file."""

    def __init__(self, hashes: Hashes, offsets: Offsets, mapped: mmap.mmap | None = None) -> None:
        self._mapped = mapped
        self._hashes = hashes
        self._offsets = offsets

    @property
    def entries(self) -> int:
        """Number of (trace, frame) pairs."""
        return len(self._hashes)

    def let_go(self) -> None:
        """Hold no memory where a file holds it all."""
        if self._mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)

    @property
    def arrays(self) -> tuple[Hashes, Offsets]:
        """Sorted by hash, then by offset."""
        return self._hashes, self._offsets

    def sorted(self) -> ArrayIndex:
        """Return itself."""
        return self

    def find(self, hashes: Hashes) -> tuple[Rows, Offsets]:
        """Return pairs of (row of `hashes`, frame offset): by row, then in ascending order.

        Quickest where `hashes` are sorted.
        """
        found = self._found(hashes)
        self.let_go()  # each of hundreds of segments is asked once in a while
        return found

    def _found(self, hashes: Hashes) -> tuple[Rows, Offsets]:
        first = np.searchsorted(self._hashes, hashes, side="left")
        inside = np.flatnonzero(first < len(self._hashes))
        met = inside[self._hashes[first[inside]] == hashes[inside]]
        if not len(met):
            return met, np.empty(0, np.uint32)
        first = first[met]
        counts = np.searchsorted(self._hashes, hashes[met], side="right") - first
        rows = np.repeat(np.arange(len(met)), counts)
        ends = np.cumsum(counts)
        within = np.arange(len(rows)) - np.repeat(ends - counts, counts)
        return met[rows], self._offsets[first[rows] + within]


class MemoryIndex:
    """The index of a segment that still grows. Frames are added in ascending order of offset.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sorted = ArrayIndex(np.empty(0, np.uint64), np.empty(0, np.uint32))
        self._added: list[tuple[Hashes, int]] = []
        self._entries = 0

    @property
    def entries(self) -> int:
        """Number of (trace, frame) pairs."""
        return self._entries

    def add(self, hashes: Hashes, offset: int) -> None:
        """Note that the frame at `offset` holds these traces."""
        with self._lock:
            self._added.append((hashes, offset))
            self._entries += len(hashes)

    def find(self, hashes: Hashes) -> tuple[Rows, Offsets]:
        """See `ArrayIndex.find`."""
        return self.sorted().find(hashes)

    def sorted(self) -> ArrayIndex:
        """Return what was added so far."""
        with self._lock:
            if self._added:
                old_hashes, old_offsets = self._sorted.arrays
                new = [hashes for hashes, _ in self._added]
                lengths = [len(hashes) for hashes in new]
                offsets = np.repeat(np.array([at for _, at in self._added], np.uint32), lengths)
                hashes = np.concatenate([old_hashes, *new])
                # A stable sort keeps offsets ascending within a hash.
                order = np.argsort(hashes, kind="stable")
                self._sorted = ArrayIndex(
                    hashes[order], np.concatenate([old_offsets, offsets])[order]
                )
                self._added.clear()
            return self._sorted


Index = ArrayIndex | MemoryIndex
"""Answers which frames of one segment hold which traces."""


@dataclass(frozen=True, slots=True)
class IndexHeader:
    """What an index file says about its segment, so that a start need not read the segment."""

    fingerprint: int
    """Of the keys that hashed the ids."""
    base: int
    length: int
    """Bytes of frames in the segment."""
    next_sequence: int
    last_arrival_ns: int
    """The greatest arrival in the segment."""
    entries: int
    body_check: int


def write_index(
    files: FileSystem,
    path: Path,
    index: ArrayIndex,
    *,
    fingerprint: int,
    base: int,
    length: int,
    next_sequence: int,
    last_arrival_ns: int,
) -> int:
    """Write an index file and return its size.

    It is not synced: its checksums tell a lost write from a good one, and it can be built again.
    """
    hashes, offsets = index.arrays
    body = [hashes.astype("<u8").tobytes(), offsets.astype("<u4").tobytes()]
    check = crc32(body[1], crc32(body[0]))
    fields = _FIELDS.pack(
        _MAGIC,
        _VERSION,
        INDEX_HEADER,
        fingerprint,
        base,
        length,
        next_sequence,
        last_arrival_ns,
        index.entries,
        check,
    )
    header = fields + _CHECK.pack(crc32(fields))
    write_file(files, path, [header, *body], durable=False)
    return len(header) + sum(map(len, body))


def read_index_header(files: FileSystem, path: Path) -> IndexHeader | None:
    """Read the head of an index file; `None` where it is missing, damaged or of another version."""
    try:
        fd = files.open_read(path)
    except FileNotFoundError:
        return None
    try:
        data = read_all(files, fd, INDEX_HEADER, 0)
    finally:
        files.close(fd)
    if len(data) < INDEX_HEADER:
        return None
    fields = data[: _FIELDS.size]
    (check,) = _CHECK.unpack_from(data, _FIELDS.size)
    magic, version, _, *values = _FIELDS.unpack(fields)
    if (magic, version, check) != (_MAGIC, _VERSION, crc32(fields)):
        return None
    header = IndexHeader(*values)
    if files.size(path) != INDEX_HEADER + INDEX_ENTRY * header.entries:
        return None
    return header


def load_index(
    files: FileSystem, path: Path, *, fingerprint: int, base: int, length: int
) -> ArrayIndex | None:
    """Map a segment's index file into memory.

    `None` where it is missing, damaged, made by other keys, or belongs to another segment.
    """
    header = read_index_header(files, path)
    if header is None or header.fingerprint != fingerprint:
        return None
    if header.base != base or header.length != length:
        return None
    if header.entries == 0:
        return ArrayIndex(np.empty(0, np.uint64), np.empty(0, np.uint32))
    fd = files.open_read(path)
    try:
        mapped = mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
    finally:
        files.close(fd)
    hashes = np.frombuffer(mapped, "<u8", header.entries, INDEX_HEADER)
    offsets = np.frombuffer(mapped, "<u4", header.entries, INDEX_HEADER + 8 * header.entries)
    if crc32(offsets, crc32(hashes)) != header.body_check:
        return None
    index = ArrayIndex(hashes, offsets, mapped)
    index.let_go()
    return index
