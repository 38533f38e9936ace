"""From OTLP's messages to the values that conditions read.

Types stay visible: the string `"500"` never becomes a number. As in the Collector, the first of
several attributes with one key counts, and an empty value is nil.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sloengine.ottl import Field, OpaqueId, Value

NO_SPAN_ID = bytes(8)


def any_value(value: AnyValue) -> Value:
    """Return the value that an `AnyValue` holds; `None` where it is empty."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "double_value":
            return value.double_value
        case "bytes_value":
            return value.bytes_value
        case "array_value":
            return [any_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return attribute_map(value.kvlist_value.values)
        case _:  # empty, or an index into a dictionary that only profiles have
            return None


def attribute_map(attributes: Iterable[KeyValue]) -> dict[str, Value]:
    """Return all attributes by key."""
    result: dict[str, Value] = {}
    for attribute in attributes:
        if attribute.key not in result:
            result[attribute.key] = any_value(attribute.value)
    return result


class AttributeProjection:
    """Puts the wanted attributes of one level (`path`) into a row of values, aligned to fields."""

    def __init__(self, fields: Sequence[Field], path: str) -> None:
        self._slots: dict[str, int] = {}
        self._whole: int | None = None
        for slot, field in enumerate(fields):
            if field.path == path:
                if field.has_key:
                    self._slots[field.key] = slot
                else:
                    self._whole = slot

    def fill(self, row: list[Value], attributes: Sequence[KeyValue]) -> None:
        """Set the slots of the wanted attributes; those that are absent are left alone."""
        if self._slots:
            for attribute in reversed(attributes):  # so the first of a key is set last
                slot = self._slots.get(attribute.key)
                if slot is not None:
                    row[slot] = any_value(attribute.value)
        if self._whole is not None:
            row[self._whole] = attribute_map(attributes)


def _signed(number: int) -> int:
    """An unsigned instant as the Collector's signed arithmetic sees it."""
    return number if number < 2**63 else number - 2**64


def _events(span: Span) -> Value:
    return [
        {
            "time_unix_nano": _signed(event.time_unix_nano),
            "name": event.name,
            "attributes": attribute_map(event.attributes),
            "dropped_attributes_count": event.dropped_attributes_count,
        }
        for event in span.events
    ]


def _links(span: Span) -> Value:
    return [
        {
            "trace_id": OpaqueId(link.trace_id),
            "span_id": OpaqueId(link.span_id),
            "trace_state": link.trace_state,
            "attributes": attribute_map(link.attributes),
            "dropped_attributes_count": link.dropped_attributes_count,
            "flags": link.flags,
        }
        for link in span.links
    ]


RESOURCE_FIELDS: Mapping[str, Callable[[Resource], Value]] = {
    "resource.dropped_attributes_count": lambda resource: resource.dropped_attributes_count,
}
SCOPE_FIELDS: Mapping[str, Callable[[InstrumentationScope], Value]] = {
    "instrumentation_scope.dropped_attributes_count": lambda scope: scope.dropped_attributes_count,
    "instrumentation_scope.name": lambda scope: scope.name,
    "instrumentation_scope.version": lambda scope: scope.version,
}
SPAN_FIELDS: Mapping[str, Callable[[Span], Value]] = {
    "span.dropped_attributes_count": lambda span: span.dropped_attributes_count,
    "span.dropped_events_count": lambda span: span.dropped_events_count,
    "span.dropped_links_count": lambda span: span.dropped_links_count,
    "span.end_time_unix_nano": lambda span: _signed(span.end_time_unix_nano),
    "span.events": _events,
    "span.flags": lambda span: span.flags,
    "span.kind": lambda span: span.kind,
    "span.links": _links,
    "span.name": lambda span: span.name,
    "span.parent_span_id": lambda span: OpaqueId(span.parent_span_id or NO_SPAN_ID),
    "span.span_id": lambda span: OpaqueId(span.span_id),
    "span.start_time_unix_nano": lambda span: _signed(span.start_time_unix_nano),
    "span.status.code": lambda span: span.status.code,
    "span.status.message": lambda span: span.status.message,
    "span.trace_id": lambda span: OpaqueId(span.trace_id),
    "span.trace_state": lambda span: span.trace_state,
}
"""How each plain field is read, by `Field.path`."""
