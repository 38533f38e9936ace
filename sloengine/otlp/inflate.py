"""Decompression of request bodies, bounded while it happens: a bomb never gets to unfold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import zstandard
from zlib_ng import zlib_ng

from sloengine.errors import PermanentError, TooLargeError

ENCODINGS = frozenset({"identity", "gzip", "zstd"})
"""The content encodings that `inflate` knows, by their HTTP names."""

_GZIP_INPUT = 1024 * 1024
_GZIP_INPUT_OF_FURTHER_MEMBERS = 64 * 1024  # what is behind a member is copied each time
_GZIP_OUTPUT = 256 * 1024
_GZIP_HEADER_AND_TRAILER = 18
_DEFLATE_RATIO = 1032  # the most that deflate can make of a byte
_ZSTD_INPUT = 256  # 4 bytes can stand for a block of 128 KiB, so this yields at most 8 MiB
_ZSTD_OUTPUT = 64 * 1024
_ZSTD_WINDOW = 8 * 1024 * 1024  # what RFC 9659 lets a sender of HTTP content use
_GZIP_ERROR = cast("type[Exception]", zlib_ng.error)  # the published types take it for an instance
_MEMBERS = 4096  # an empty member costs a sender 20 bytes, and us far more

OnOutput = Callable[[int], None]


def inflate(
    data: bytes, encoding: str, limit: int | None, on_output: OnOutput | None = None
) -> bytes:
    """Return `data` without its content encoding (`identity`, `gzip` or `zstd`).

    `limit` is the greatest size of the result, in bytes; it is enforced on the way, so never much
    more than that is held. `None` is for data that passed a limit before. Both formats may have
    several members, one after another.
    `on_output` is told of bytes before more of them are made (those that a gzip body announces,
    before the first one), in all of at least the size of the result; it may raise to stop.

    Raises:
        TooLargeError: The result would be over `limit`.
        PermanentError: The data are truncated, damaged or followed by something else, or the
            encoding is not one of `ENCODINGS`.
    """
    if encoding == "identity":
        if limit is not None and len(data) > limit:
            raise _too_large(limit)
        return data
    if encoding == "gzip":
        pieces = _gunzip(data, limit, on_output)
    elif encoding == "zstd":
        pieces = _unzstd(data, on_output)
    else:
        raise PermanentError(
            f"content encoding {encoding!r} is not supported; use gzip, zstd or identity"
        )
    result: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if limit is not None and size > limit:
            raise _too_large(limit)
        result.append(piece)
    return result[0] if len(result) == 1 else b"".join(result)


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(
        f"request is over the limit of {limit} bytes after decompression; send smaller batches"
    )


def _gunzip(data: bytes, limit: int | None, on_output: OnOutput | None) -> Iterator[bytes]:
    view = memoryview(data)
    position = 0
    members = 0
    slice_size = _GZIP_INPUT
    room = _announced(data, limit)
    if on_output is not None and room:
        on_output(room)
    while True:
        members = _count_member(members, "gzip")
        member = zlib_ng.decompressobj(wbits=31)
        while not member.eof:
            waiting: bytes | memoryview = view[position : position + slice_size]
            if not waiting:
                raise PermanentError("gzip body ends in the middle; send it again, whole")
            position += len(waiting)
            while waiting and not member.eof:
                try:
                    # One byte more than is announced lets the member come to its end at once.
                    piece = member.decompress(waiting, max(room, _GZIP_OUTPUT) + 1)
                except _GZIP_ERROR as error:
                    raise PermanentError(f"gzip body is damaged: {error}") from error
                waiting = member.unconsumed_tail
                over = len(piece) - room
                room = max(0, -over)
                if on_output is not None and over > 0:
                    on_output(over)
                if piece:
                    yield piece
        position -= len(member.unused_data)
        if position == len(view):
            return
        slice_size = _GZIP_INPUT_OF_FURTHER_MEMBERS


def _announced(data: bytes, limit: int | None) -> int:
    """How large a body of one member says it will be; 0 where that cannot be so."""
    size = int.from_bytes(data[-4:], "little")
    most = max(0, len(data) - _GZIP_HEADER_AND_TRAILER) * _DEFLATE_RATIO
    if size > most or (limit is not None and size > limit):
        return 0
    return size


def _unzstd(data: bytes, on_output: OnOutput | None) -> Iterator[bytes]:
    view = memoryview(data)
    position = 0
    frames = 0
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    while True:
        frames = _count_member(frames, "zstd")
        frame = decompressor.decompressobj(write_size=_ZSTD_OUTPUT)
        while not frame.eof:
            waiting = view[position : position + _ZSTD_INPUT]
            if not waiting:
                raise PermanentError("zstd body ends in the middle; send it again, whole")
            position += len(waiting)
            try:
                piece = frame.decompress(waiting)
            except zstandard.ZstdError as error:
                raise PermanentError(f"zstd body is damaged: {error}") from error
            if piece:
                if on_output is not None:
                    on_output(len(piece))
                yield piece
        position -= len(frame.unused_data)
        if position == len(view):
            return


def _count_member(before: int, name: str) -> int:
    if before == _MEMBERS:
        raise PermanentError(f"{name} body has more than {_MEMBERS} members; compress it as one")
    return before + 1
