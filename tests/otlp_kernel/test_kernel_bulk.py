"""Many new values at once are told apart as one by one."""

from __future__ import annotations

import math
import random

import pytest
from kernel_twins import assert_equal, outcome, plan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

pytestmark = pytest.mark.usefixtures("compiled_kernels")

_X, _Y = 'span.attributes["x"]', 'span.attributes["y"]'
_COMPARED = [f"{_X} {symbol} {_Y}" for symbol in ("==", "!=", "<", "<=", ">", ">=")]
_PLANS = {
    "compared": _COMPARED,
    "calculated": [
        f"{_X} + {_Y} > 10",
        f"{_X} * 2 - {_Y} <= 3.5",
        f"-{_X} < {_Y}",
        f"{_X} * {_Y} == 0",
        f"{_X} / 2 > {_Y}",
    ],
    "one field": [
        f"{_X} * 3 > 7",
        f"Len({_X}) > 2",
        f'IsMatch({_X}, "^a+b?$")',
        f"Double({_X}) > 1.5",
        f"Int({_X}) == {_X}",
        f'{_X} < "b"',
        f"{_X} > true",
    ],
    "texts": [
        f"Len({_X}) > Len({_Y})",
        f'HasPrefix({_X}, "a") or HasSuffix({_Y}, "b")',
        f"{_X} == {_Y} and {_X} != nil",
        f"IsString({_X}) or IsInt({_Y})",
    ],
    "levels": [
        f'{_X} == resource.attributes["y"]',
        f'{_Y} != instrumentation_scope.attributes["x"] and {_Y} == span.name',
        f"span.start_time_unix_nano + 5 > {_X} or Len(span.events) > span.kind",
        "span.end_time_unix_nano > span.start_time_unix_nano",
        "span.span_id == span.parent_span_id",
    ],
}
_NUMBERS = [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), 0.0, -0.0, 0.5, 2.0**53, math.inf, math.nan]
_TEXTS = ["", "a", "ab", "aab", "b", "\u00e9", "\U0001f600", "\uffff", "a" * 40]


def _any_value(rng: random.Random, level: int) -> AnyValue:
    match rng.choice([rng.randrange(6), level]):
        case 0:
            return AnyValue(string_value=rng.choice([*_TEXTS, f"{rng.random()}"]))
        case 1:
            number = rng.choice([*_NUMBERS, rng.randrange(20), rng.random()])
            if isinstance(number, int):
                return AnyValue(int_value=number)
            return AnyValue(double_value=number)
        case 2:
            return AnyValue(bool_value=rng.random() < 0.5)
        case 3:
            return AnyValue()
        case 4:
            return AnyValue(bytes_value=rng.choice([b"", b"a", b"\xff"]))
        case _:
            value = AnyValue()
            value.array_value.values.add().int_value = rng.randrange(2)
            return value


def _attribute(rng: random.Random, key: str, level: int) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=_any_value(rng, level)) for _ in range(rng.choice([0, 1, 1, 1, 2]))
    ]


def _request(rng: random.Random) -> bytes:
    request = ExportTraceServiceRequest()
    level = rng.randrange(2)
    for _ in range(rng.choice([1, 3])):
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.extend(_attribute(rng, "y", level))
        for _ in range(2):
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.attributes.extend(_attribute(rng, "x", level))
            for number in range(1, rng.choice([5, 60])):
                attributes = [*_attribute(rng, "x", level), *_attribute(rng, "y", level)]
                scope_spans.spans.append(
                    Span(
                        trace_id=bytes(15) + b"1",
                        span_id=number.to_bytes(8, "big"),
                        parent_span_id=rng.choice([b"", number.to_bytes(8, "big")]),
                        name=rng.choice(_TEXTS),
                        kind=rng.randrange(6),  # type: ignore[arg-type]  # any number is sent
                        start_time_unix_nano=rng.choice([0, 5, 2**63 - 1, 2**63, 2**64 - 1]),
                        end_time_unix_nano=rng.choice([0, 6, 2**63 - 1, 2**63, 2**64 - 1]),
                        events=[Span.Event(name="event")] * rng.randrange(3),
                        attributes=attributes,
                    )
                )
    return request.SerializeToString()


@pytest.mark.parametrize("name", _PLANS)
def test_values_of_all_types_are_decided_alike_together_and_alone(name: str) -> None:
    kernel, reference = plan(_PLANS[name], [_X])
    for seed in range(16):
        payload = _request(random.Random(seed))
        assert_equal(outcome(kernel, payload), outcome(reference, payload), row_step=16)
    assert kernel.statistics.fallbacks == 0


def test_each_condition_alone_is_decided_alike() -> None:
    for text in sorted({text for texts in _PLANS.values() for text in texts}):
        kernel, reference = plan([text], ())
        for seed in range(2):
            payload = _request(random.Random(seed))
            assert_equal(outcome(kernel, payload), outcome(reference, payload), row_step=64)
