"""Files of traces are told apart by what is in them."""

from __future__ import annotations

import gzip
import json
import struct
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sloengine.errors import PermanentError
from sloengine.otlp.files import FileRequest, read_requests


def request(number: int) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
    span.name = f"span {number}"
    return message


def as_json(message: ExportTraceServiceRequest, *, indent: int | None = None) -> bytes:
    document = json_format.MessageToDict(message)
    for resource_spans in document["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for number, span in enumerate(scope_spans["spans"]):
                span["traceId"] = (
                    message.resource_spans[0].scope_spans[0].spans[number].trace_id.hex()
                )
                span["spanId"] = (
                    message.resource_spans[0].scope_spans[0].spans[number].span_id.hex()
                )
    return json.dumps(document, indent=indent).encode()


REQUESTS = [request(number) for number in range(1, 6)]
PAYLOADS = [message.SerializeToString() for message in REQUESTS]
JSON_LINES = b"\n".join(as_json(message) for message in REQUESTS) + b"\n"
PREFIXED = b"".join(struct.pack(">I", len(payload)) + payload for payload in PAYLOADS)


def payloads(path: Path) -> list[bytes]:
    found = list(read_requests(path))
    assert all(not one.problem for one in found)
    return [one.payload for one in found]


@pytest.mark.parametrize(
    "compress",
    [
        pytest.param(lambda data: data, id="plain"),
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(
            lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
            id="gzip in two members",
        ),
        pytest.param(zstandard.ZstdCompressor().compress, id="zstd"),
    ],
)
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(JSON_LINES, PAYLOADS, id="JSON lines"),
        pytest.param(b"\n \n" + JSON_LINES + b"\n", PAYLOADS, id="JSON lines among blank ones"),
        pytest.param(JSON_LINES.rstrip(), PAYLOADS, id="JSON lines without a last newline"),
        pytest.param(
            as_json(REQUESTS[0], indent=2), PAYLOADS[:1], id="a JSON document of many lines"
        ),
        pytest.param(PAYLOADS[0], PAYLOADS[:1], id="one binary request"),
        pytest.param(PREFIXED, PAYLOADS, id="binary requests behind their lengths"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_a_file_is_read_whatever_it_is(
    tmp_path: Path, compress: object, content: bytes, expected: list[bytes]
) -> None:
    path = tmp_path / "traces"
    assert callable(compress)
    path.write_bytes(compress(content))
    assert payloads(path) == expected


def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    lines = JSON_LINES.splitlines()
    path.write_bytes(b"\n".join([lines[0], b"{broken", lines[1], b"[]", lines[2]]))
    found = list(read_requests(path))
    assert [one.payload for one in found if not one.problem] == PAYLOADS[:3]
    assert [one.place for one in found if one.problem] == [f"{path}:2", f"{path}:4"]


def test_a_cut_compressed_file_gives_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "traces.gz"
    path.write_bytes(gzip.compress(JSON_LINES * 200)[:-40])
    requests = read_requests(path)
    assert next(requests).payload == PAYLOADS[0]
    with pytest.raises(PermanentError, match="its compression is damaged"):
        list(requests)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"nothing: cannot be read \(No such file"):
        list(read_requests(tmp_path / "nothing"))


@given(st.binary(max_size=300))
def test_any_bytes_are_requests_problems_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "traces"
    path.write_bytes(content)
    found: list[FileRequest] = []
    with suppress(PermanentError):
        found.extend(read_requests(path))
    assert all(one.place.startswith(str(path)) for one in found)
    assert all(not (one.problem and one.payload) for one in found)
