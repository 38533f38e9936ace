"""The official message classes, and the one place that turns their errors into ours."""

from __future__ import annotations

from typing import cast

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sloengine.errors import PermanentError

MAX_MESSAGE_DEPTH = 100
"""How deep messages may stand in one another, the request included: protobuf's own limit."""


_TRACE_ID_BYTES = 16


def parse_request(payload: bytes | memoryview) -> ExportTraceServiceRequest:
    """Parse an uncompressed protobuf `ExportTraceServiceRequest`; unknown fields are passed over.

    Raises:
        PermanentError: The bytes are no such message, a string is not UTF-8, or values are
            nested more than `MAX_MESSAGE_DEPTH` messages deep.
    """
    try:
        # Any buffer will do; only the published types say bytes.
        return ExportTraceServiceRequest.FromString(cast("bytes", payload))
    except DecodeError as error:
        reason = str(error).rpartition(": ")[2]
        raise PermanentError(
            f"body is not a valid OTLP ExportTraceServiceRequest: {reason}"
        ) from error


def count_spans(payload: bytes | memoryview) -> int:
    """Return the number of spans in a request, malformed ones included.

    Raises:
        PermanentError: As `parse_request`.
    """
    request = parse_request(payload)
    return sum(
        len(scope_spans.spans)
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
    )


def trace_ids_of(payload: bytes) -> list[int]:
    """Return the distinct valid trace ids of a request as 128-bit integers, in no order.

    Raises:
        PermanentError: As `parse_request`.
    """
    request = parse_request(payload)
    ids = {
        span.trace_id
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    }
    numbers = (int.from_bytes(trace_id) for trace_id in ids if len(trace_id) == _TRACE_ID_BYTES)
    return [number for number in numbers if number]
