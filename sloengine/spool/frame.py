"""One accepted request in the log: its bytes, and how it is found among damaged ones."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import zstandard
from zlib_ng.zlib_ng import crc32

from sloengine.otlp import inflate as bounded_inflate

MAGIC = b"SLOF"
FRAME_VERSION = 1
_FIELDS = struct.Struct("<4sBBHIIqqq")
_CHECK = struct.Struct("<I")
FRAME_HEADER = _FIELDS.size + _CHECK.size
MAX_PAYLOAD = 64 * 1024 * 1024
_CHUNK = 1024 * 1024

Source = Callable[[int, int], bytes]
"""(position, size) → bytes of the log there; fewer only at the end of what is stored."""


class Encoding(IntEnum):
    """How a frame's stored bytes are compressed."""

    IDENTITY = 0
    GZIP = 1
    ZSTD = 2


_ENCODINGS = frozenset(map(int, Encoding))


def inflate(stored: bytes, encoding: Encoding) -> bytes:
    """Undo `encoding`. There is no limit here: the bytes passed one before they were accepted."""
    if encoding is Encoding.IDENTITY:
        return stored
    if encoding is Encoding.ZSTD:
        reader = zstandard.ZstdDecompressor().stream_reader(stored, read_across_frames=True)
        return reader.readall()
    return bounded_inflate(stored, "gzip", None)


@dataclass(frozen=True, slots=True)
class Frame:
    """An accepted request.

    `position` names it for ever; frames are read in ascending order of it. `next_position` is
    where the following frame begins.
    """

    position: int
    next_position: int
    sequence: int
    """Frames are numbered from 0 in a store, without gaps."""
    arrival_ns: int
    """Wall time of acceptance; may go back where the clock did."""
    encoding: Encoding
    stored: bytes
    """The request's bytes as it came."""

    @property
    def payload(self) -> bytes:
        """The request without its compression. Inflates at each call."""
        return inflate(self.stored, self.encoding)


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a segment in which no frame is intact."""

    position: int
    length: int
    frames: int | None
    """How many frames were lost in it, by sequence number; `None` where nothing follows."""
    torn: bool
    """It looks like a write that a crash cut short: an incomplete frame, or less than a header, and
    nothing or zeros behind it."""


@dataclass(frozen=True, slots=True)
class _Header:
    encoding: Encoding
    length: int
    payload_check: int
    sequence: int
    arrival_ns: int


def frame_header(
    *,
    position: int,
    sequence: int,
    arrival_ns: int,
    encoding: Encoding,
    length: int,
    payload_check: int,
    seed: int,
) -> bytes:
    """Return the bytes that stand before a payload.

    `seed` is the store's secret start value for checksums: without it, nobody can craft a request
    whose payload contains what recovery would take for a frame.
    """
    fields = _FIELDS.pack(
        MAGIC, FRAME_VERSION, encoding, 0, length, payload_check, sequence, arrival_ns, position
    )
    return fields + _CHECK.pack(crc32(fields, seed))


def _parse_header(data: bytes, position: int, seed: int) -> _Header | None:
    if len(data) < FRAME_HEADER or not data.startswith(MAGIC):
        return None
    fields = data[: _FIELDS.size]
    (check,) = _CHECK.unpack_from(data, _FIELDS.size)
    if crc32(fields, seed) != check:
        return None
    _, version, encoding, _, length, payload_check, sequence, arrival_ns, own = _FIELDS.unpack(
        fields
    )
    if version != FRAME_VERSION or own != position or encoding not in _ENCODINGS:
        return None
    return _Header(Encoding(encoding), length, payload_check, sequence, arrival_ns)


def frame_at(source: Source, position: int, stop: int, seed: int) -> Frame | None:
    """Return the frame that begins at `position` and ends by `stop`; `None` unless it is intact."""
    header = _parse_header(source(position, min(FRAME_HEADER, stop - position)), position, seed)
    if header is None:
        return None
    body = position + FRAME_HEADER
    end = body + header.length
    if end > stop:
        return None
    stored = source(body, header.length)
    if len(stored) != header.length or crc32(stored) != header.payload_check:
        return None
    return Frame(position, end, header.sequence, header.arrival_ns, header.encoding, stored)


def walk(
    source: Source, start: int, stop: int, *, seed: int, sequence: int | None
) -> Iterator[Frame | Damage]:
    """Yield what stands between two positions, all of it, in order: frames, and damage.

    `start` is where a frame begins, `sequence` the number it should have, if known. Recovery and
    every read go through here, so what one of them accepts the other does too.
    """
    position = start
    while position < stop:
        frame = frame_at(source, position, stop, seed)
        if frame is not None:
            yield frame
            position, sequence = frame.next_position, frame.sequence + 1
            continue
        found = _next_frame(source, position + 1, stop, seed)
        if found is None:
            torn = _looks_torn(source, position, stop, seed)
            yield Damage(position, stop - position, None, torn)
            return
        lost = 1 if sequence is None else max(1, found.sequence - sequence)
        yield Damage(position, found.position - position, lost, torn=False)
        position, sequence = found.position, found.sequence


def _next_frame(source: Source, position: int, stop: int, seed: int) -> Frame | None:
    """Find the first intact frame that begins at or after `position`."""
    while position < stop:
        chunk = source(position, min(_CHUNK, stop - position))
        at = chunk.find(MAGIC)
        while at >= 0:
            frame = frame_at(source, position + at, stop, seed)
            if frame is not None:
                return frame
            at = chunk.find(MAGIC, at + 1)
        if len(chunk) < len(MAGIC):
            return None
        position += len(chunk) - len(MAGIC) + 1
    return None


def _looks_torn(source: Source, position: int, stop: int, seed: int) -> bool:
    data = source(position, min(FRAME_HEADER, stop - position))
    if len(data) < FRAME_HEADER:
        return True
    header = _parse_header(data, position, seed)
    if header is not None:
        return position + FRAME_HEADER + header.length > stop
    if data[-1]:
        return False
    position += FRAME_HEADER
    while position < stop:
        data = source(position, min(_CHUNK, stop - position))
        if not data or data.count(0) != len(data):
            return not data
        position += len(data)
    return True
