"""Traces saved from Jaeger's user interface or its HTTP API, as OTLP requests.

The mapping is the way back of OpenTelemetry's "Mapping to non-OTLP formats: Jaeger"
(https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/): `span.kind`, `error`,
`otel.status_code`, `otel.status_description`, `otel.scope.*` and `w3c.tracestate` are tags there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sloengine.errors import PermanentError

_KINDS = {
    "internal": Span.SPAN_KIND_INTERNAL,
    "server": Span.SPAN_KIND_SERVER,
    "client": Span.SPAN_KIND_CLIENT,
    "producer": Span.SPAN_KIND_PRODUCER,
    "consumer": Span.SPAN_KIND_CONSUMER,
}
_STATUSES = {"OK": Status.STATUS_CODE_OK, "ERROR": Status.STATUS_CODE_ERROR}
_NOT_ATTRIBUTES = frozenset(
    {
        "span.kind",
        "error",
        "otel.status_code",
        "otel.status_description",
        "otel.scope.name",
        "otel.scope.version",
        "otel.library.name",
        "otel.library.version",
        "w3c.tracestate",
        "internal.span.format",
    }
)
_INT64 = range(-(1 << 63), 1 << 63)
_UINT64_MAX = (1 << 64) - 1


def is_jaeger(tree: object) -> bool:
    """Whether a JSON document looks like Jaeger's: traces with `spans` and `processes`."""
    return any(True for _ in _traces(tree))


def jaeger_to_otlp(tree: object) -> list[bytes]:
    """Return one OTLP request for each trace of a Jaeger JSON document.

    Raises:
        PermanentError: a span is not one, with its place.
    """
    return [_request(trace) for trace in _traces(tree)]


def _traces(tree: object) -> Iterator[Mapping[str, Any]]:
    candidates: object = tree
    if isinstance(tree, dict) and isinstance(tree.get("data"), list):
        candidates = tree["data"]
    for trace in candidates if isinstance(candidates, list) else [candidates]:
        if (
            isinstance(trace, dict)
            and isinstance(trace.get("spans"), list)
            and isinstance(trace.get("processes"), dict)
        ):
            yield trace


def _request(trace: Mapping[str, Any]) -> bytes:
    request = ExportTraceServiceRequest()
    for number, item in enumerate(trace["spans"]):
        place = f"Jaeger trace {_text(trace.get('traceID'))}: spans[{number}]"
        if not isinstance(item, dict):
            raise PermanentError(f"{place} is not an object; save the trace again")
        process = trace["processes"].get(item.get("processID"), item.get("process"))
        # A tag of the span says which scope it belongs to, so each span stands by itself.
        resource_spans = request.resource_spans.add(resource=_resource(process))
        tags = {_text(tag.get("key")): tag for tag in _objects(item.get("tags"))}
        scope_spans = resource_spans.scope_spans.add(scope=_scope(tags))
        try:
            scope_spans.spans.append(_span(item, tags))
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise PermanentError(
                f"{place} is not a span as Jaeger writes it ({error}); save the trace again"
            ) from error
    return request.SerializeToString()


def _resource(process: object) -> Resource:
    resource = Resource()
    if isinstance(process, dict):
        name = AnyValue(string_value=_text(process.get("serviceName")))
        resource.attributes.add(key="service.name", value=name)
        resource.attributes.extend(_attributes(_objects(process.get("tags"))))
    return resource


def _scope(tags: Mapping[str, Mapping[str, Any]]) -> InstrumentationScope:
    return InstrumentationScope(
        name=_tag(tags, "otel.scope.name") or _tag(tags, "otel.library.name"),
        version=_tag(tags, "otel.scope.version") or _tag(tags, "otel.library.version"),
    )


def _span(item: Mapping[str, Any], tags: Mapping[str, Mapping[str, Any]]) -> Span:
    trace_id, span_id = _id(item["traceID"], 16), _id(item["spanID"], 8)
    start_us, length_us = int(item["startTime"]), int(item["duration"])
    references = [
        (
            _text(reference.get("refType")),
            _id(reference["traceID"], 16),
            _id(reference["spanID"], 8),
        )
        for reference in _objects(item.get("references"))
    ]
    if not references and item.get("parentSpanID"):
        references = [("CHILD_OF", trace_id, _id(item["parentSpanID"], 8))]
    # As Jaeger itself reads them: the first CHILD_OF of the same trace, else the first other one.
    own = [reference for reference in references if reference[1] == trace_id]
    own.sort(key=lambda reference: reference[0] != "CHILD_OF")
    parent = own[0] if own else None
    span = Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent[2] if parent else b"",
        name=_text(item.get("operationName")),
        kind=_KINDS.get(_tag(tags, "span.kind").lower(), Span.SPAN_KIND_UNSPECIFIED),
        start_time_unix_nano=_nanoseconds(start_us),
        end_time_unix_nano=_nanoseconds(start_us + length_us),
        trace_state=_tag(tags, "w3c.tracestate"),
        status=_status(tags),
    )
    span.attributes.extend(
        _attributes([tag for key, tag in tags.items() if key not in _NOT_ATTRIBUTES])
    )
    for log in _objects(item.get("logs")):
        fields = _objects(log.get("fields"))
        names = [_text(entry.get("value")) for entry in fields if entry.get("key") == "event"]
        event = span.events.add(
            name=names[0] if names else "",
            time_unix_nano=_nanoseconds(int(log.get("timestamp", 0))),
        )
        event.attributes.extend(
            _attributes([entry for entry in fields if entry.get("key") != "event"])
        )
    for reference in references:
        if reference is not parent:
            span.links.add(trace_id=reference[1], span_id=reference[2])
    return span


def _status(tags: Mapping[str, Mapping[str, Any]]) -> Status:
    code = _STATUSES.get(_tag(tags, "otel.status_code").upper(), Status.STATUS_CODE_UNSET)
    if code == Status.STATUS_CODE_UNSET and _tag(tags, "error").lower() == "true":
        code = Status.STATUS_CODE_ERROR
    return Status(code=code, message=_tag(tags, "otel.status_description"))


def _attributes(tags: Sequence[Mapping[str, Any]]) -> list[KeyValue]:
    return [KeyValue(key=_text(tag.get("key")), value=_value(tag)) for tag in tags]


def _value(tag: Mapping[str, Any]) -> AnyValue:
    value, kind = tag.get("value"), str(tag.get("type", "")).lower()
    if kind == "bool" or isinstance(value, bool):
        return AnyValue(bool_value=str(value).lower() == "true")
    if kind == "int64" or (not kind and isinstance(value, int)):
        number = int(value) if isinstance(value, int | str) else None
        return (
            AnyValue(int_value=number)
            if number is not None and number in _INT64
            else AnyValue(string_value=_text(value))
        )
    if kind == "float64" or (not kind and isinstance(value, float)):
        return AnyValue(double_value=float(value)) if value is not None else AnyValue()
    if kind == "binary" and isinstance(value, str):
        try:
            return AnyValue(bytes_value=base64.b64decode(value, validate=True))
        except binascii.Error:
            pass
    return AnyValue(string_value=_text(value))


def _id(value: object, size: int) -> bytes:
    """Return an id from its hex text; Jaeger leaves out leading zeros."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no id")
    return bytes.fromhex(value.rjust(2 * size, "0"))


def _nanoseconds(microseconds: int) -> int:
    return min(max(microseconds * 1000, 0), _UINT64_MAX)


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _tag(tags: Mapping[str, Mapping[str, Any]], key: str) -> str:
    tag = tags.get(key)
    return "" if tag is None else _text(tag.get("value"))


def _text(value: object) -> str:
    """Return a value as text that protobuf takes: lone surrogates are replaced."""
    text = "" if value is None else str(value)
    return text.encode("utf-8", "replace").decode("utf-8")
