"""A scenario's spans as OTLP requests: what arrives, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from sloengine.authoring.testing.model import Repetition, Scenario, SpanSpec
from sloengine.authoring.testing.values import hashed
from sloengine.yamldoc import Data

_ONCE = Repetition(1, 0)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: all spans that arrive at one instant, as a sender would batch them."""

    at_ns: int
    payload: bytes
    trace_ids: frozenset[int]


class Traces:
    """The traces of a scenario, and which label in the file each id stands for.

    `salt` keeps ids of one run apart from those of every other.
    """

    def __init__(self, scenario: Scenario, *, salt: str) -> None:
        self.scenario = scenario
        self._salt = salt
        self._labels: dict[int, str] = {}
        self._entries: dict[tuple[str, int], str] = {}
        for span in scenario.spans:
            self._entries.setdefault((span.trace, span.span_id), span.label)

    def trace_label(self, trace_id: int) -> str:
        """Return the label of a trace."""
        return self._labels[trace_id]

    def span_label(self, trace_id: int, span_id: int) -> str:
        """Return the label of a span."""
        return self._entries[self._labels[trace_id], span_id]

    def arrivals(self) -> list[Arrival]:
        """Return the requests, in order of their first span in the file."""
        by_instant: dict[int, list[tuple[SpanSpec, int, int]]] = {}
        start_ns = self.scenario.start_ns
        for span in self.scenario.spans:
            repetition = self.scenario.repetitions.get(span.trace, _ONCE)
            for copy in range(repetition.times):
                trace_id = self._trace_id(span.trace, copy)
                base_ns = start_ns + copy * repetition.every_ns
                by_instant.setdefault(base_ns + span.arrives_ns, []).append(
                    (span, trace_id, base_ns)
                )
        return [
            Arrival(at_ns, _request(spans), frozenset(trace_id for _, trace_id, _ in spans))
            for at_ns, spans in by_instant.items()
        ]

    def _trace_id(self, label: str, copy: int) -> int:
        trace_id = hashed(f"{self._salt}\0{label}\0{copy}", 16)
        self._labels[trace_id] = label
        return trace_id


def _request(spans: Iterable[tuple[SpanSpec, int, int]]) -> bytes:
    request = ExportTraceServiceRequest()
    for spec, trace_id, base_ns in spans:
        resource_spans: ResourceSpans = request.resource_spans.add()
        resource_spans.resource.attributes.extend(_attributes(spec.resource))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = spec.scope.name
        scope_spans.scope.version = spec.scope.version
        scope_spans.scope.attributes.extend(_attributes(spec.scope.attributes))
        scope_spans.spans.append(_span(spec, trace_id, base_ns))
    payload: bytes = request.SerializeToString()
    return payload


def _span(spec: SpanSpec, trace_id: int, base_ns: int) -> Span:
    return Span(
        trace_id=trace_id.to_bytes(16, "big"),
        span_id=spec.span_id.to_bytes(8, "big"),
        parent_span_id=spec.parent_id.to_bytes(8, "big") if spec.parent_id else b"",
        trace_state=spec.trace_state,
        name=spec.name,
        kind=cast("Span.SpanKind.ValueType", spec.kind),
        start_time_unix_nano=base_ns + spec.at_ns,
        end_time_unix_nano=base_ns + spec.end_ns,
        attributes=_attributes(spec.attributes),
        events=[
            Span.Event(
                name=event.name,
                time_unix_nano=base_ns + event.at_ns,
                attributes=_attributes(event.attributes),
            )
            for event in spec.events
        ],
        status=Status(
            code=cast("Status.StatusCode.ValueType", spec.status), message=spec.status_message
        ),
    )


def _attributes(attributes: Mapping[str, Data]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _value(value: Data) -> AnyValue:
    made = AnyValue()
    match value:
        case None:
            pass
        case bool():
            made.bool_value = value
        case int():
            made.int_value = value
        case Decimal():
            made.double_value = float(value)
        case str():
            made.string_value = value
        case list():
            made.array_value.values.extend(_value(item) for item in value)
            made.array_value.SetInParent()
        case _:
            made.kvlist_value.values.extend(_attributes(value))
            made.kvlist_value.SetInParent()
    return made
