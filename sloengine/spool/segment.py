"""One file of the log: a header of fixed size, then frames up to its end.

A position counts the bytes of frames since the store began, without headers. So it does not
depend on how frames are spread over files: a frame whose write failed goes to the next file at the
position it was given first.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from zlib_ng.zlib_ng import crc32

from sloengine.spool.index import INDEX_ENTRY, INDEX_HEADER, Index

SEGMENT_VERSION = 1
COMPRESSED_VERSION = 2
"""Of segments that were compressed after they were sealed: blocks stand for the frames."""
MAX_POSITION = 2**63 - 1
MAX_SEGMENT = 2**32 - 1
"""An index keeps a frame's place in its segment in 32 bits."""
_MAGIC = b"SLOSPOOL"
_FIELDS = struct.Struct("<8sHHI16sqqq4x")
_CHECK = struct.Struct("<I")
SEGMENT_HEADER = _FIELDS.size + _CHECK.size
_NAME = re.compile(r"(\d{20})\.seg")


def store_digest(store_id: str) -> bytes:
    """Return the 16 bytes by which files name the store they belong to."""
    return hashlib.blake2b(store_id.encode(), digest_size=16).digest()


def segment_path(directory: Path, base: int) -> Path:
    """Return where the segment that begins at position `base` stands."""
    return directory / f"{base:020d}.seg"


def base_of(name: str) -> int | None:
    """Return the position that a file name promises; `None` where it is no segment's name."""
    match = _NAME.fullmatch(name)
    base = int(match[1]) if match else MAX_POSITION
    return base if base < MAX_POSITION else None


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The first 64 bytes of a segment."""

    version: int
    seed: int
    store: bytes
    base: int
    first_sequence: int
    created_ns: int

    def pack(self) -> bytes:
        """Return the header's bytes."""
        fields = _FIELDS.pack(
            _MAGIC,
            self.version,
            SEGMENT_HEADER,
            self.seed,
            self.store,
            self.base,
            self.first_sequence,
            self.created_ns,
        )
        return fields + _CHECK.pack(crc32(fields))

    @classmethod
    def parse(cls, data: bytes) -> SegmentHeader | None:
        """Read a header; `None` where it is damaged or something else."""
        if len(data) < SEGMENT_HEADER:
            return None
        fields = data[: _FIELDS.size]
        (check,) = _CHECK.unpack_from(data, _FIELDS.size)
        magic, version, _, seed, store, base, first_sequence, created_ns = _FIELDS.unpack(fields)
        if magic != _MAGIC or crc32(fields) != check:
            return None
        return cls(version, seed, store, base, first_sequence, created_ns)


@dataclass(slots=True)
class Segment:
    """A stretch of the log and the file that holds it.

    `end`, `next_sequence` and `last_arrival_ns` grow while the segment is written to, and only once
    the bytes are durable. `index` is `None` until it is read or built.
    """

    path: Path
    base: int
    end: int
    first_sequence: int
    next_sequence: int
    last_arrival_ns: int
    index: Index | None = None
    index_bytes: int = 0
    compressed_bytes: int | None = None
    """The size of the file once it is compressed."""
    was_tried: bool = False
    """Whether it was compressed, or found not worth it."""
    removed: bool = False

    @property
    def index_path(self) -> Path:
        """Where the index file stands once the segment is sealed."""
        return self.path.with_suffix(".idx")

    @property
    def bytes_on_disk(self) -> int:
        """Bytes of the segment's two files; those of an index that is still to be written, too."""
        index_bytes = self.index_bytes
        if not index_bytes and self.index is not None:
            index_bytes = INDEX_HEADER + INDEX_ENTRY * self.index.entries
        if self.compressed_bytes is not None:
            return self.compressed_bytes + index_bytes
        return SEGMENT_HEADER + self.end - self.base + index_bytes
