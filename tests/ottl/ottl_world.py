"""One span with a value of every type, as the engine projects it and as OTLP/JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from sloengine.ottl import Field, OpaqueId, Value
from sloengine.ottl.functions.formatting import general_double
from sloengine.ottl.values import Duration, Instant, Operand

ATTRIBUTES: dict[str, Value] = {
    "i": 5,
    "f": 2.5,
    "s": "Hello World",
    "b": True,
    "by": b"\x01\xab",
    "l": ["a", "b", 1],
    "li": [1, 2, 3],
    "m": {"x": 1, "y": "z", "n": {"k": [1]}},
    "e": "",
    "z": 0,
    "neg": -7,
    "num": "42",
    "big": 9223372036854775807,
    "ff": 1.0,
    "json": '{"a": 1, "b":[1.5,null,"x"]}',
    "lm": [{"a": 1}],
    "ll": [[1], [2]],
    "nil": None,
    "le": [],
    "me": {},
    "u": "h\u00e9llo",
    "sm": 1e-7,
    "lg": 1e21,
}
TRACE_ID = bytes(range(1, 17))
SPAN_ID = bytes(range(1, 9))


def any_value(value: Value) -> dict[str, Any]:
    """Return a value as OTLP/JSON's AnyValue."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [any_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": key_values(value)}}


def key_values(attributes: Mapping[str, Value]) -> list[dict[str, Any]]:
    """Return attributes as OTLP/JSON's KeyValue list."""
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def otlp_json(attributes: Mapping[str, Value], *, parent: bytes = b"") -> dict[str, Any]:
    """Return the span with these attributes as an OTLP/JSON request."""
    span = {
        "name": "op",
        "kind": 2,
        "traceId": TRACE_ID.hex(),
        "spanId": SPAN_ID.hex(),
        "parentSpanId": parent.hex(),
        "startTimeUnixNano": "1000000000",
        "endTimeUnixNano": "6000000000",
        "traceState": "a=1,b=2",
        "flags": 1,
        "status": {"code": 2, "message": "boo"},
        "attributes": key_values(attributes),
        "events": [{"name": "e1"}, {"name": "e2"}],
        "links": [{}],
        "droppedAttributesCount": 3,
    }
    scope = {"name": "lib", "version": "1", "attributes": key_values({"q": 1})}
    resource = {
        "attributes": key_values({"service.name": "shop"}),
        "droppedAttributesCount": 7,
    }
    return {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": [span]}]}]
    }


def values_of(attributes: Mapping[str, Value], *, parent: bytes = bytes(8)) -> dict[Field, Value]:
    """Return the same span as the engine projects it."""
    values: dict[Field, Value] = {
        Field("span.name"): "op",
        Field("span.kind"): 2,
        Field("span.status.code"): 2,
        Field("span.status.message"): "boo",
        Field("span.trace_id"): OpaqueId(TRACE_ID),
        Field("span.span_id"): OpaqueId(SPAN_ID),
        Field("span.parent_span_id"): OpaqueId(parent),
        Field("span.start_time_unix_nano"): 10**9,
        Field("span.end_time_unix_nano"): 6 * 10**9,
        Field("span.trace_state"): "a=1,b=2",
        Field("span.flags"): 1,
        Field("span.events"): [{"name": "e1"}, {"name": "e2"}],
        Field("span.links"): [{}],
        Field("span.dropped_attributes_count"): 3,
        Field("span.dropped_events_count"): 0,
        Field("span.dropped_links_count"): 0,
        Field("resource.dropped_attributes_count"): 7,
        Field("instrumentation_scope.name"): "lib",
        Field("instrumentation_scope.version"): "1",
        Field("instrumentation_scope.dropped_attributes_count"): 0,
    }
    for path, owned in (
        ("span.attributes", dict(attributes)),
        ("resource.attributes", {"service.name": "shop"}),
        ("instrumentation_scope.attributes", {"q": 1}),
    ):
        values[Field(path)] = dict(owned)
        values.update({Field(path, key, has_key=True): item for key, item in owned.items()})
    return values


def described(value: Operand) -> dict[str, Any]:
    """Return a value as the Go program beside these tests prints it."""
    match value:
        case None:
            return {"type": "nil"}
        case bool():
            return {"type": "bool", "value": value}
        case int():
            return {"type": "int", "value": str(value)}
        case float():
            return {"type": "double", "value": general_double(value)}
        case str():
            return {"type": "string", "value": value}
        case OpaqueId():
            return {"type": "id", "value": value.hex()}
        case bytes():
            return {"type": "bytes", "value": value.hex()}
        case dict():
            return {"type": "map", "value": _raw(value)}
        case list():
            return {"type": "list", "value": _raw(value)}
        case tuple():
            return {"type": "made list", "value": _go_text(value)}
        case Duration():
            return {"type": "duration", "value": str(value.ns)}
        case Instant():
            return {"type": "time", "value": str(value.ns)}


def _raw(value: Value) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case list():
            return [_raw(item) for item in value]
        case dict():
            return {key: _raw(item) for key, item in value.items()}
        case _:
            return value


def _go_text(value: Operand) -> str:
    match value:
        case tuple():
            return f"[{' '.join(_go_text(item) for item in value)}]"
        case None:
            return "<nil>"
        case bool():
            return str(value).lower()
        case _:
            return str(value)
