"""Files of OTLP traces: what a Collector's file exporter or a person saved.

JSON lines, one JSON document, one binary request, or binary requests behind four-byte lengths
(the file exporter's `format: proto`); plain, gzip or zstd. Told apart by content, not by name.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import zstandard
from typing_extensions import Buffer

from sloengine.errors import PermanentError
from sloengine.otlp.json_form import json_to_protobuf

MAX_REQUEST_BYTES = 256 << 20
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_LENGTH = struct.Struct(">I")
_PEEK = 512
_JSON = re.compile(rb"\s*[{\[]\s*(?:[\"}{\[\]]|$)")
"""How JSON begins. A request may begin with the same two bytes, a newline and a brace, but then
goes on with a field number."""
_REQUEST_TAG = 0x0A
"""The first byte of a non-empty request: field 1, length-delimited."""


@dataclass(frozen=True, slots=True)
class FileRequest:
    """One request of a file, or why it is none.

    `bytes_read` is how far the file itself (not its content) has been read, for progress.
    """

    place: str
    """`file:line` for JSON lines, `file:request` otherwise; both count from 1."""
    payload: bytes
    """Uncompressed protobuf; empty where `problem` says what is wrong."""
    problem: str
    bytes_read: int


def read_requests(path: Path) -> Iterator[FileRequest]:
    """Yield what a file holds, in its order; a malformed part is yielded as a problem.

    Raises:
        PermanentError: the file cannot be opened, or cannot be read on (its compression is
            damaged, a length is wrong); what was yielded before is good.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise PermanentError(
            f"{path}: cannot be read ({error.strerror}); give the path of a readable file"
        ) from error
    with raw:
        content = _inflated(raw)
        try:
            start = content.peek(_PEEK)[:_PEEK]
            if not start.strip() or _JSON.match(start):
                yield from _json(path, content, raw)
            elif start[0] == _REQUEST_TAG:
                yield from _one_binary(path, content, raw)
            else:
                yield from _prefixed(path, content, raw)
        except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise PermanentError(
                f"{path}: its compression is damaged ({error}); what came before was read"
            ) from error


def _inflated(raw: io.BufferedReader) -> io.BufferedReader:
    start = raw.peek(4)
    if start.startswith(_GZIP):
        return io.BufferedReader(_Inflating(gzip.GzipFile(fileobj=raw)), 1 << 20)
    if start.startswith(_ZSTD):
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        return io.BufferedReader(_Inflating(reader), 1 << 20)
    return raw


class _Reader(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class _Inflating(io.RawIOBase):
    """Gives what could be inflated before it meets damage; the damage comes with the next read."""

    def __init__(self, inner: _Reader) -> None:
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        data = self._inner.read1(len(view))
        view[: len(data)] = data
        return len(data)


def _json(path: Path, content: io.BufferedReader, raw: IO[bytes]) -> Iterator[FileRequest]:
    number = 0
    for number, line in enumerate(iter(lambda: content.readline(MAX_REQUEST_BYTES), b""), 1):
        if not line.strip():
            continue
        try:
            payload, problem = json_to_protobuf(line), ""
        except PermanentError as error:
            payload, problem = b"", str(error)
        if problem and number == 1 and _begins_document(line):
            rest = content.read(MAX_REQUEST_BYTES)
            yield _document(path, line + rest, raw)
            return
        yield FileRequest(f"{path}:{number}", payload, problem, raw.tell())


def _begins_document(line: bytes) -> bool:
    """Whether a first line that is no JSON by itself may begin a document of many lines."""
    return line.rstrip()[-1:] in (b"{", b"[", b",")


def _document(path: Path, text: bytes, raw: IO[bytes]) -> FileRequest:
    try:
        return FileRequest(f"{path}:1", json_to_protobuf(text), "", raw.tell())
    except PermanentError as error:
        return FileRequest(f"{path}:1", b"", str(error), raw.tell())


def _one_binary(path: Path, content: IO[bytes], raw: IO[bytes]) -> Iterator[FileRequest]:
    payload = content.read(MAX_REQUEST_BYTES + 1)
    problem = ""
    if len(payload) > MAX_REQUEST_BYTES:
        payload, problem = b"", f"one request of more than {MAX_REQUEST_BYTES} bytes; split it"
    yield FileRequest(f"{path}:1", payload, problem, raw.tell())


def _prefixed(path: Path, content: IO[bytes], raw: IO[bytes]) -> Iterator[FileRequest]:
    number = 0
    while prefix := content.read(_LENGTH.size):
        number += 1
        place = f"{path}:{number}"
        length = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else MAX_REQUEST_BYTES + 1
        payload = content.read(length) if length <= MAX_REQUEST_BYTES else b""
        if len(payload) != length:
            raise PermanentError(
                f"{place}: neither JSON nor binary OTLP, or cut short; "
                "give a file of a Collector's file exporter, or a saved OTLP request"
            )
        yield FileRequest(place, payload, "", raw.tell())
