"""Values of single rows, read again from the payload where somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sloengine.otlp.values import (
    RESOURCE_FIELDS,
    SCOPE_FIELDS,
    SPAN_FIELDS,
    AttributeProjection,
)
from sloengine.ottl import Field, Value

_FIRST = 1
_SECOND = 2
_LENGTH_DELIMITED = 2
_VARINT = 0
_FIXED = {1: 8, 5: 4}


class LazyRows:
    """Reads the values of single rows; calling it with a row gives those of all fields.

    It keeps the payload. Slow beside arrays; the payload was found well-formed before.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        payload: bytes,
        spans: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]],
        groups: npt.NDArray[np.int64],
    ) -> None:
        self._fields = tuple(fields)
        self._payload = payload
        self._at, self._size, self._group_of = spans
        self._groups = groups
        self._projections: dict[tuple[Field, ...], _Projection] = {}

    def __call__(self, row: int) -> tuple[Value, ...]:
        """Return the values of all fields."""
        return self.values(row, self._fields)

    def values(self, row: int, fields: tuple[Field, ...]) -> tuple[Value, ...]:
        """Return the values of some fields."""
        place = int(self._at[row]), int(self._size[row]), int(self._group_of[row])
        return self.values_at(*place, fields)

    def values_at(
        self, at: int, size: int, group: int, fields: tuple[Field, ...]
    ) -> tuple[Value, ...]:
        """Return the values of some fields for the span that stands at an offset."""
        projection = self._projections.get(fields)
        if projection is None:
            projection = self._projections[fields] = _Projection(fields)
        above = projection.above.get(group)
        if above is None:
            above = projection.above[group] = self._above(group, projection)
        return projection.of_span(Span.FromString(self._payload[at : at + size]), above)

    def _above(self, group: int, projection: _Projection) -> list[Value]:
        resource_at, resource_size, scope_at, scope_size = self._groups[group].tolist()
        resource, scope = Resource(), InstrumentationScope()
        for piece in _pieces(self._payload, resource_at, resource_at + resource_size, None):
            resource.MergeFromString(piece)
        for piece in _pieces(self._payload, scope_at, scope_at + scope_size, _SECOND):
            scope.MergeFromString(piece)
        return projection.of_levels(resource, scope)


class _Projection:
    """As the reference decoder does it."""

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self._count = len(fields)
        self._resource = AttributeProjection(fields, "resource.attributes")
        self._scope = AttributeProjection(fields, "instrumentation_scope.attributes")
        self._span = AttributeProjection(fields, "span.attributes")
        slots = list(enumerate(fields))
        self._resource_fields = [
            (slot, RESOURCE_FIELDS[field.path])
            for slot, field in slots
            if field.path in RESOURCE_FIELDS
        ]
        self._scope_fields = [
            (slot, SCOPE_FIELDS[field.path]) for slot, field in slots if field.path in SCOPE_FIELDS
        ]
        self._span_fields: list[tuple[int, Callable[[Span], Value]]] = [
            (slot, SPAN_FIELDS[field.path]) for slot, field in slots if field.path in SPAN_FIELDS
        ]
        self.above: dict[int, list[Value]] = {}

    def of_levels(self, resource: Resource, scope: InstrumentationScope) -> list[Value]:
        row: list[Value] = [None] * self._count
        self._resource.fill(row, resource.attributes)
        for slot, read in self._resource_fields:
            row[slot] = read(resource)
        self._scope.fill(row, scope.attributes)
        for slot, read_scope in self._scope_fields:
            row[slot] = read_scope(scope)
        return row

    def of_span(self, span: Span, above: list[Value]) -> tuple[Value, ...]:
        row = above.copy()
        for slot, read in self._span_fields:
            row[slot] = read(span)
        self._span.fill(row, span.attributes)
        return tuple(row)


def _pieces(payload: bytes, at: int, end: int, stop_at: int | None) -> Iterator[bytes]:
    """Yield the content of each field 1 of a message, up to the first field `stop_at`."""
    while at < end:
        tag, at = _varint(payload, at)
        number, wire_type = tag >> 3, tag & 7
        if number == stop_at and wire_type == _LENGTH_DELIMITED:
            return
        if wire_type == _LENGTH_DELIMITED:
            size, at = _varint(payload, at)
            if number == _FIRST:
                yield payload[at : at + size]
            at += size
        elif wire_type == _VARINT:
            _, at = _varint(payload, at)
        else:
            at += _FIXED[wire_type]


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = payload[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
