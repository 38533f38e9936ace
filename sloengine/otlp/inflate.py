"""Decompression of request bodies, bounded while it happens: a bomb never gets to unfold."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from io import BytesIO

import zstandard

from sloengine.errors import PermanentError, TooLargeError

ENCODINGS = frozenset({"identity", "gzip", "zstd"})
"""The content encodings that `inflate` knows, by their HTTP names."""

_GZIP_INPUT = 64 * 1024
_GZIP_OUTPUT = 256 * 1024
_ZSTD_INPUT = 256  # 4 bytes can stand for a block of 128 KiB, so this yields at most 8 MiB
_ZSTD_OUTPUT = 64 * 1024
_ZSTD_WINDOW = 8 * 1024 * 1024  # what RFC 9659 lets a sender of HTTP content use
_MEMBERS = 4096  # an empty member costs a sender 20 bytes, and us far more


def inflate(
    data: bytes, encoding: str, limit: int, on_output: Callable[[int], None] | None = None
) -> bytes:
    """Return `data` without its content encoding (`identity`, `gzip` or `zstd`).

    `limit` is the greatest size of the result, in bytes; it is enforced on the way, so never much
    more than that is held. Both formats may have several members, one after another.
    `on_output` is told the size of each piece before the next one is made, and may raise to stop.

    Raises:
        TooLargeError: The result would be over `limit`.
        PermanentError: The data are truncated, damaged or followed by something else, or the
            encoding is not one of `ENCODINGS`.
    """
    if encoding == "identity":
        if len(data) > limit:
            raise _too_large(limit)
        return data
    if encoding == "gzip":
        pieces = _gunzip(data)
    elif encoding == "zstd":
        pieces = _unzstd(data)
    else:
        raise PermanentError(
            f"content encoding {encoding!r} is not supported; use gzip, zstd or identity"
        )
    result = BytesIO()
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        if on_output is not None:
            on_output(len(piece))
        result.write(piece)
    return result.getvalue()


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(
        f"request is over the limit of {limit} bytes after decompression; send smaller batches"
    )


def _gunzip(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    position = 0
    members = 0
    while True:
        members = _count_member(members, "gzip")
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            waiting: bytes | memoryview = view[position : position + _GZIP_INPUT]
            if not waiting:
                raise PermanentError("gzip body ends in the middle; send it again, whole")
            position += len(waiting)
            while waiting and not member.eof:
                try:
                    piece = member.decompress(waiting, _GZIP_OUTPUT)
                except zlib.error as error:
                    raise PermanentError(f"gzip body is damaged: {error}") from error
                waiting = member.unconsumed_tail
                if piece:
                    yield piece
        position -= len(member.unused_data)
        if position == len(view):
            return


def _unzstd(data: bytes) -> Iterator[bytes]:
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
                yield piece
        position -= len(frame.unused_data)
        if position == len(view):
            return


def _count_member(before: int, name: str) -> int:
    if before == _MEMBERS:
        raise PermanentError(f"{name} body has more than {_MEMBERS} members; compress it as one")
    return before + 1
