"""A sealed segment in fewer bytes: the same log, cut into blocks that are compressed by themselves.

Positions stay what they were: whoever reads asks for bytes of the log, and gets them from blocks.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import zstandard
from zlib_ng.zlib_ng import crc32

from sloengine.spool.filesystem import FileSystem, read_all, write_all
from sloengine.spool.frame import Source
from sloengine.spool.segment import COMPRESSED_VERSION, SEGMENT_HEADER, SegmentHeader

BLOCK = 256 * 1024
"""Bytes of the log in each block but the last."""
_LEVEL = -1
_WORTH = 0.75
"""What is left must be less than this part."""
_SAMPLES = 4
_CACHED_BLOCKS = 4
_FIELDS = struct.Struct("<QII")
_LENGTH = struct.Struct("<I")
_CHECK = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class BlockTable:
    """Where the blocks of a compressed segment are."""

    length: int
    """Bytes of the log in the segment."""
    block: int
    sizes: tuple[int, ...]
    """Compressed bytes of each block."""

    def pack(self) -> bytes:
        """Return the table as it stands behind the segment's header."""
        fields = _FIELDS.pack(self.length, self.block, len(self.sizes))
        fields += b"".join(map(_LENGTH.pack, self.sizes))
        return fields + _CHECK.pack(crc32(fields))

    @classmethod
    def read(cls, files: FileSystem, fd: int) -> BlockTable | None:
        """Read the table of an open segment; `None` where it is damaged."""
        head = read_all(files, fd, _FIELDS.size, SEGMENT_HEADER)
        if len(head) < _FIELDS.size:
            return None
        length, block, count = _FIELDS.unpack(head)
        if not block or count != -(-length // block) or count > 2**20:
            return None
        rest = read_all(files, fd, 4 * count + _CHECK.size, SEGMENT_HEADER + _FIELDS.size)
        fields = head + rest[: 4 * count]
        if len(rest) < 4 * count + _CHECK.size or _CHECK.unpack(rest[4 * count :]) != (
            crc32(fields),
        ):
            return None
        return cls(length, block, tuple(size for (size,) in _LENGTH.iter_unpack(rest[:-4])))

    def offsets(self) -> list[int]:
        """Return where each block begins in the file."""
        first = SEGMENT_HEADER + len(self.pack())
        return list(accumulate(self.sizes, initial=first))[:-1]


class BlockSource:
    """Bytes of the log from a compressed segment's open file; see `frame.Source`.

    A damaged block reads as zeros, in which no frame is intact.
    """

    def __init__(self, files: FileSystem, fd: int, base: int, table: BlockTable) -> None:
        self._files = files
        self._fd = fd
        self._base = base
        self._table = table
        self._offsets = table.offsets()
        self._recent: OrderedDict[int, bytes] = OrderedDict()

    def __call__(self, position: int, size: int) -> bytes:
        """Return the bytes at a position; fewer only at the end of the segment."""
        start = position - self._base
        stop = min(start + size, self._table.length)
        if start >= stop:
            return b""
        block = self._table.block
        first, last = start // block, (stop - 1) // block
        whole = b"".join(map(self._block, range(first, last + 1)))
        return whole[start - first * block : stop - first * block]

    def _block(self, number: int) -> bytes:
        known = self._recent.get(number)
        if known is not None:
            self._recent.move_to_end(number)
            return known
        table = self._table
        expected = min(table.block, table.length - number * table.block)
        stored = read_all(self._files, self._fd, table.sizes[number], self._offsets[number])
        try:
            data = zstandard.ZstdDecompressor().decompress(stored, max_output_size=expected)
        except zstandard.ZstdError:
            data = b""
        if len(data) != expected:
            data = bytes(expected)
        self._recent[number] = data
        if len(self._recent) > _CACHED_BLOCKS:
            self._recent.popitem(last=False)
        return data


@contextmanager
def opened(files: FileSystem, path: Path, base: int) -> Iterator[Source]:
    """Open a segment file, compressed or not, for reading by position."""
    fd = files.open_read(path)
    try:
        header = SegmentHeader.parse(read_all(files, fd, SEGMENT_HEADER, 0))
        yield source_of(files, fd, base, header)
    finally:
        files.close(fd)


def source_of(files: FileSystem, fd: int, base: int, header: SegmentHeader | None) -> Source:
    """Return how an open segment file, compressed or not, is read by position."""
    if header is None or header.version != COMPRESSED_VERSION:
        return lambda position, size: read_all(files, fd, size, position - base + SEGMENT_HEADER)
    return BlockSource(files, fd, base, BlockTable.read(files, fd) or BlockTable(0, BLOCK, ()))


def log_length(files: FileSystem, path: Path, header: SegmentHeader | None) -> int | None:
    """Return the bytes of the log in a segment; `None` where a block table is damaged."""
    fd = files.open_read(path)
    try:
        return length_of(files, fd, header)
    finally:
        files.close(fd)


def length_of(files: FileSystem, fd: int, header: SegmentHeader | None) -> int | None:
    """Return the bytes of the log in an open segment; `None` where a block table is damaged."""
    if header is None or header.version != COMPRESSED_VERSION:
        return max(0, files.size_of(fd) - SEGMENT_HEADER)
    table = BlockTable.read(files, fd)
    return None if table is None else table.length


def compress(
    files: FileSystem, path: Path, length: int, rest: Callable[[], bool]
) -> Compressed | None:
    """Write a compressed copy of a plain, sealed segment beside it, durably.

    `None` where that is not worth it, the file is not plain any more, or `rest` says to stop. It is
    called after each block.

    Raises:
        OSError: The disk reports an error. Nothing is left.
    """
    fd = files.open_read(path)
    try:
        header = SegmentHeader.parse(read_all(files, fd, SEGMENT_HEADER, 0))
        if header is None or header.version == COMPRESSED_VERSION:
            return None
        starts = range(0, length, BLOCK)
        if not _is_worth_it(files, fd, starts):
            return None
        return _written_beside(
            files, path, header, length, _compressed(files, fd, length, starts), rest
        )
    finally:
        files.close(fd)


def _written_beside(
    files: FileSystem,
    path: Path,
    header: SegmentHeader,
    length: int,
    blocks: Iterator[bytes],
    rest: Callable[[], bool],
) -> Compressed | None:
    """Write each block as it comes, so that one is in memory; the head, once all are known."""
    beside = path.with_name(path.name + ".tmp")
    fd = files.create(beside)
    is_whole = False
    try:
        write_all(files, fd, [_head(header, length, (0,) * -(-length // BLOCK))])
        written: list[int] = []
        for block in blocks:
            write_all(files, fd, [block])
            written.append(len(block))
            if not rest():
                return None
        head = _head(header, length, tuple(written))
        if files.write_at(fd, memoryview(head), 0) != len(head):
            raise OSError(5, "the disk took only a part of a block table")
        files.sync(fd)
        is_whole = True
    finally:
        files.close(fd)
        if not is_whole:
            files.remove(beside)
    return Compressed(beside, len(head) + sum(written))


def _head(header: SegmentHeader, length: int, sizes: tuple[int, ...]) -> bytes:
    packed = replace(header, version=COMPRESSED_VERSION).pack()
    return packed + BlockTable(length, BLOCK, sizes).pack()


@dataclass(frozen=True, slots=True)
class Compressed:
    """A compressed copy that is to take the place of its segment."""

    path: Path
    size: int


def _is_worth_it(files: FileSystem, fd: int, starts: Sequence[int]) -> bool:
    """Look at some blocks: what the senders compressed does not get smaller."""
    step = max(1, len(starts) // _SAMPLES)
    samples = [read_all(files, fd, BLOCK, SEGMENT_HEADER + at) for at in starts[::step]]
    before = sum(map(len, samples))
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return sum(len(compressor.compress(data)) for data in samples) < _WORTH * before


def _compressed(files: FileSystem, fd: int, length: int, starts: Sequence[int]) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    for at in starts:
        data = read_all(files, fd, min(BLOCK, length - at), SEGMENT_HEADER + at)
        if len(data) != min(BLOCK, length - at):
            raise OSError(5, "the segment is shorter than it was")
        yield compressor.compress(data)
