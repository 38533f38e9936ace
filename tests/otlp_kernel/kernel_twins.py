"""Plans that ask everything of a decoder, scrambled messages, and what equality means."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sloengine.errors import PermanentError
from sloengine.otlp import Decoded, Decoder, ReferenceDecoder, SpanBatch
from sloengine.otlp.kernel.decoder import KernelDecoder
from sloengine.ottl import (
    SERVICE_NAME,
    SPAN_NAME,
    ConditionTable,
    Value,
    parse_condition,
    parse_value,
)

ARRAYS = (
    "trace_hi",
    "trace_lo",
    "span_id",
    "parent_id",
    "kind",
    "start_ns",
    "end_ns",
    "vector",
    "capture_row",
    "capture_expression",
)

USUAL = (
    'resource.attributes["service.name"] == "shop"',
    "span.kind == SPAN_KIND_SERVER",
    "span.status.code == STATUS_CODE_ERROR",
    'span.attributes["http.response.status_code"] >= 500',
    'span.attributes["http.response.status_code"] < 1.5',
    'span.attributes["http.route"] != nil and HasPrefix(span.attributes["http.route"], "a")',
    'span.attributes["user.id"] == "b"',
    'HasPrefix(span.name, "0") or HasSuffix(span.name, "1") or span.name == ""',
    "IsRootSpan()",
)
UNUSUAL = (
    'IsMatch(span.attributes["http.route"], "^.b?")',
    'span.attributes["user.id"] == span.attributes["other"]',
    "Len(span.events) > 1 or Len(span.attributes) == 2",
    "IsEmpty(span.links) or Len(span.links) > 1",
    'span.end_time - span.start_time > Duration("4s")',
    "span.end_time_unix_nano - span.start_time_unix_nano <= 7",
    'span.parent_span_id.string == "0000000000000001"',
    "span.span_id == SpanID(0x0000000000000001)",
    "span.trace_id == TraceID(0x00000000000000000000000000000001)",
    'span.trace_state["ot"] == "th:8" or span.flags > 3 or span.dropped_links_count == 0',
    'instrumentation_scope.name == "a" or instrumentation_scope.version > "b"',
    'instrumentation_scope.attributes["other"] == true',
    'resource.attributes["other"] == 0x00ff or resource.dropped_attributes_count >= 1',
    'IsString(span.attributes["other"]) or span.attributes["other"] == 0.0',
    "span.attributes[span.name] == nil or Len(resource.attributes) > 1",
    'span.status.message != "" and span.dropped_attributes_count + span.dropped_events_count > 1',
    "instrumentation_scope.dropped_attributes_count == 1",
    'span.kind.string == "Server"',
    "Len(instrumentation_scope.attributes) > 0",
)
REGEX = (
    *USUAL,
    'IsMatch(span.attributes["http.route"], "^ab[0-9]*7$")',
    'IsMatch(span.attributes["http.route"], "^(?<kind>[az])b") == true',
    'IsMatch(span.attributes["user.id"], "9user") and span.attributes["user.id"] != "user-9"',
    'HasPrefix(span.attributes["user.id"], "user-1")',
    'HasSuffix(span.attributes["user.id"], "9")',
    'Int(span.attributes["http.response.status_code"]) > 300',
)
CAPTURES = (
    'span.attributes["user.id"]',
    'resource.attributes["service.name"]',
    'instrumentation_scope.attributes["other"]',
    'span.attributes["user.id"]',
    "span.name",
    '"literal"',
    'Concat([span.attributes["user.id"], span.attributes["http.route"]], "/")',
    'Coalesce([span.attributes["other"], resource.attributes["other"]])',
    'span.attributes["http.response.status_code"] * 2',
    "span.attributes",
    "Len(span.events)",
)


def plan(
    conditions: Sequence[str], captures: Sequence[str]
) -> tuple[KernelDecoder, ReferenceDecoder]:
    """Both decoders for one plan, with one table."""
    parsed = [parse_condition(text) for text in conditions]
    values = [parse_value(text) for text in captures]
    read = {field for condition in parsed for field in condition.fields}
    read |= {field for value in values for field in value.fields}
    fields = sorted({SPAN_NAME, SERVICE_NAME, *read})
    table = ConditionTable(fields, parsed)
    return KernelDecoder(fields, table, values), ReferenceDecoder(fields, table, values)


def outcome(decoder: Decoder, payload: bytes) -> Decoded | str:
    """What a decoder makes of a payload: spans, or why it is refused."""
    try:
        return decoder.decode(payload)
    except PermanentError as error:
        return str(error)


def assert_equal(kernel: Decoded | str, reference: Decoded | str, *, row_step: int = 1) -> None:
    """Assert that two outcomes are one, to the last bit and type; of the projected values those of
    every `row_step`-th row.
    """
    if isinstance(kernel, str) or isinstance(reference, str):
        assert kernel == reference
        return
    assert (kernel.rejected, kernel.message) == (reference.rejected, reference.message)
    left, right = kernel.batch, reference.batch
    assert len(left) == len(right)
    for name in ARRAYS:
        one, other = getattr(left, name), getattr(right, name)
        assert one.dtype == other.dtype, name
        assert np.array_equal(one, other), name
    assert trace_ids(left) == trace_ids(right)
    assert exact(list(left.capture_value)) == exact(list(right.capture_value))
    for row in range(0, len(left), row_step):
        assert exact(list(left.projected(row))) == exact(list(right.projected(row))), row


def assert_together(
    kernel: KernelDecoder, reference: ReferenceDecoder, payloads: Sequence[bytes]
) -> None:
    """Assert that the kernel decodes requests in a row as its twin does, unless it says that it
    cannot tell: which it may not where it decodes each of them alone.
    """
    expected, before = reference.decode_together(payloads), kernel.statistics.fallbacks
    found = kernel.decode_together(payloads)
    if found is None:
        for payload in payloads:
            outcome(kernel, payload)
        assert expected is None or kernel.statistics.fallbacks > before
        return
    assert expected is not None
    assert (found.payload, found.spans) == (expected.payload, expected.spans)
    assert_equal(Decoded(found.batch), Decoded(expected.batch))


def trace_ids(batch: SpanBatch) -> set[tuple[int, int]]:
    """The ids of the traces in a batch, as it tells them."""
    high, low = batch.traces
    return set(zip(high.tolist(), low.tolist(), strict=True))


def exact(value: Value) -> object:
    """A stand-in that is equal only for the same values of the same types."""
    match value:
        case list():
            return [exact(item) for item in value]
        case dict():
            return [(key, exact(item)) for key, item in value.items()]
        case float():
            return struct.pack("<d", value)
        case _:
            return type(value), value


Fields = list[tuple[int, int, bytes]]
"""Number, wire type, and all bytes behind the tag, a length included."""


def scrambled(payload: bytes, rng: random.Random) -> bytes:
    """A message that is read like this one or nearly so: fields in another order, doubled, cut up,
    with unknown ones between them, with numbers written longer than they need.
    """
    return _scrambled(payload, ExportTraceServiceRequest.DESCRIPTOR, rng)


def _scrambled(payload: bytes, descriptor: Descriptor | None, rng: random.Random) -> bytes:
    known = {} if descriptor is None else {field.number: field for field in descriptor.fields}
    fields = _fields(payload)
    for index, (number, wire_type, data) in enumerate(fields):
        field = known.get(number)
        if wire_type == 2 and field is not None and field.type == FieldDescriptor.TYPE_MESSAGE:
            content = _scrambled(_content(data), field.message_type, rng)
            fields[index] = (number, wire_type, _varint(len(content), rng) + content)
    if rng.random() < 0.3:
        rng.shuffle(fields)
    if rng.random() < 0.1 and fields:
        fields.insert(rng.randrange(len(fields) + 1), rng.choice(fields))
    if rng.random() < 0.2:
        fields.insert(rng.randrange(len(fields) + 1), _unknown(rng, list(known)))
    return b"".join(
        _varint(number << 3 | wire_type, rng) + data for number, wire_type, data in fields
    )


def _unknown(rng: random.Random, known: list[int]) -> tuple[int, int, bytes]:
    number = rng.choice([17, 31, 32, 99, 2**29 - 1, *known])
    wire_type = rng.choice([0, 0, 1, 1, 2, 2, 5, 5, 3, 4])
    match wire_type:
        case 0:
            return number, 0, _varint(rng.getrandbits(rng.choice([1, 8, 33, 64])), rng)
        case 1:
            return number, 1, rng.randbytes(8)
        case 5:
            return number, 5, rng.randbytes(4)
        case 2:
            size = rng.choice([0, 1, 4, 130])
            return number, 2, _varint(size, rng) + rng.choice([rng.randbytes(size), bytes(size)])
        case 3:
            return number, 3, _varint(number << 3 | 4, rng)
        case _:
            return number, 4, b""


def _varint(number: int, rng: random.Random) -> bytes:
    octets = bytearray(varint(number))
    if rng.random() < 0.02:
        longer = rng.choice([1, 1, 2, 4])
        octets[-1] |= 128
        octets += bytes([128]) * (longer - 1) + b"\0"
    return bytes(octets)


def _fields(payload: bytes) -> Fields:
    fields = []
    at = 0
    while at < len(payload):
        tag, at = _read(payload, at)
        begin = at
        match tag & 7:
            case 0:
                _, at = _read(payload, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case _:
                size, at = _read(payload, at)
                at += size
        fields.append((tag >> 3, tag & 7, payload[begin:at]))
    return fields


def fields_of(payload: bytes) -> list[bytes]:
    """Cut a message into its fields, tags included."""
    return [varint(number << 3 | wire_type) + data for number, wire_type, data in _fields(payload)]


def varint(number: int) -> bytes:
    """Return a number as senders write it."""
    octets = bytearray()
    while number >= 128:
        octets.append(number & 127 | 128)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _content(data: bytes) -> bytes:
    return data[_read(data, 0)[1] :]


def _read(payload: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        octet = payload[at]
        number |= (octet & 127) << shift
        at += 1
        if octet < 128:
            return number, at
        shift += 7


def mutated(payload: bytes, rng: random.Random) -> bytes:
    """The payload with a few bytes wrong, missing, or too many."""
    octets = bytearray(payload)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(octets) + 1)
        match rng.randrange(6):
            case 0:
                del octets[at:]
            case 1:
                octets[at:at] = rng.randbytes(rng.choice([1, 2, 9]))
            case 2:
                del octets[at : at + rng.choice([1, 2, 9])]
            case 3 if at < len(octets):
                octets[at] ^= 1 << rng.randrange(8)
            case 4 if at < len(octets):
                octets[at] = rng.choice([0, 1, 2, 0x7F, 0x80, 0xFF, 0x0A, 0x12, 0x0B, 0xC0, 0xED])
            case _ if at < len(octets):
                octets[at] = octets[at] + rng.choice([-1, 1]) & 255
    return bytes(octets)
