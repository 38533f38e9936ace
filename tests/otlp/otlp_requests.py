"""Requests of every legal shape, and OTLP/JSON as a sender would write it."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from google.protobuf import json_format
from hypothesis import settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

DAILY = settings(max_examples=40, deadline=None)
"""Requests take long to draw, so a few do."""

KEYS = ("service.name", "http.route", "http.response.status_code", "user.id", "other")

texts = st.text(max_size=6)
counts = st.integers(0, 2**32 - 1)
instants = st.integers(0, 2**64 - 1)
scalars = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.one_of(st.floats(allow_nan=False), st.just(math.nan))),
    st.builds(AnyValue, bytes_value=st.binary(max_size=5)),
)


def _nested(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    pairs = st.builds(KeyValue, key=st.sampled_from(KEYS), value=values)
    return st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(values, max_size=3))),
        st.builds(
            AnyValue, kvlist_value=st.builds(KeyValueList, values=st.lists(pairs, max_size=3))
        ),
    )


any_values = st.recursive(scalars, _nested, max_leaves=4)
attributes = st.lists(st.builds(KeyValue, key=st.sampled_from(KEYS), value=any_values), max_size=4)
trace_ids = st.one_of(
    st.integers(1, 3).map(lambda number: number.to_bytes(16, "big")),
    st.binary(min_size=16, max_size=16),
    st.sampled_from([b"", bytes(16), b"short"]),
)
span_ids = st.one_of(
    st.integers(1, 9).map(lambda number: number.to_bytes(8, "big")),
    st.binary(min_size=8, max_size=8),
    st.sampled_from([b"", bytes(8), b"long enough"]),
)
spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=span_ids,
    trace_state=st.sampled_from(["", "ot=th:8", "not a state"]),
    flags=counts,
    name=texts,
    kind=st.sampled_from([0, 1, 2, 3, 4, 5, 6, 99]),
    start_time_unix_nano=instants,
    end_time_unix_nano=instants,
    attributes=attributes,
    dropped_attributes_count=counts,
    events=st.lists(
        st.builds(Span.Event, time_unix_nano=instants, name=texts, attributes=attributes),
        max_size=2,
    ),
    links=st.lists(
        st.builds(Span.Link, trace_id=trace_ids, span_id=span_ids, attributes=attributes),
        max_size=2,
    ),
    status=st.one_of(
        st.none(), st.builds(Status, code=st.sampled_from([0, 1, 2, 7]), message=texts)
    ),
)
scope_spans = st.builds(
    ScopeSpans,
    scope=st.one_of(
        st.none(),
        st.builds(InstrumentationScope, name=texts, version=texts, attributes=attributes),
    ),
    spans=st.lists(spans, max_size=3),
    schema_url=texts,
)
requests = st.builds(
    ExportTraceServiceRequest,
    resource_spans=st.lists(
        st.builds(
            ResourceSpans,
            resource=st.one_of(st.none(), st.builds(Resource, attributes=attributes)),
            scope_spans=st.lists(scope_spans, max_size=2),
        ),
        max_size=2,
    ),
)

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def as_otlp_json(request: ExportTraceServiceRequest, *, upper: bool = False) -> bytes:
    """OTLP/JSON by way of protobuf's own writer, with what OTLP does otherwise put right."""
    tree = json_format.MessageToDict(request, use_integers_for_enums=True)
    return json.dumps(_with_hex_ids(tree, upper=upper)).encode()


def _with_hex_ids(tree: Any, *, upper: bool) -> Any:
    if isinstance(tree, list):
        return [_with_hex_ids(item, upper=upper) for item in tree]
    if not isinstance(tree, dict):
        return tree
    result = {}
    for key, value in tree.items():
        if key in _IDS:
            digits = base64.b64decode(value).hex()
            result[key] = digits.upper() if upper else digits
        else:
            result[key] = _with_hex_ids(value, upper=upper)
    return result
