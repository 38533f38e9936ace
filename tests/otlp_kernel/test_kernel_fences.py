"""Kernels write into the room that they were given and nowhere else."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from kernel_twins import CAPTURES, REGEX, UNUSUAL, USUAL, assert_equal, outcome, plan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from test_kernel_bounds import unique_request

from sloengine.otlp.kernel.context import Array, Context

pytestmark = pytest.mark.usefixtures("compiled_kernels")

_FENCE = 0xA5
_FENCE_BYTES = 256


@pytest.fixture
def fences(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What stands behind each array that a context gives to kernels; it is whole at the end."""
    behind: list[tuple[int, npt.NDArray[np.uint8]]] = []
    place = Context._place

    def with_a_fence(context: Context, word: int, array: Array) -> None:
        size = array.nbytes
        room = np.full(size + _FENCE_BYTES, _FENCE, np.uint8)
        room[:size] = np.frombuffer(array.tobytes(), np.uint8)
        behind.append((word, room[size:]))
        place(context, word, room[:size].view(array.dtype).reshape(array.shape))

    monkeypatch.setattr(Context, "_place", with_a_fence)
    yield
    assert behind
    assert [word for word, fence in behind if (fence != _FENCE).any()] == []


@pytest.mark.usefixtures("fences")
@pytest.mark.parametrize("conditions", [(*USUAL, *UNUSUAL), REGEX, ()])
def test_a_request_that_is_larger_than_every_buffer(conditions: tuple[str, ...]) -> None:
    kernel, reference = plan(conditions, CAPTURES)
    payload = unique_request(1100, 1)
    many_groups = b"".join(unique_request(1, number) for number in range(1, 1100))
    for one in (payload, many_groups, payload + many_groups):
        assert_equal(outcome(kernel, one), outcome(reference, one), row_step=50)
    assert kernel.statistics.fallbacks == 0


@pytest.mark.usefixtures("fences")
def test_more_combinations_and_values_than_tables_have_room_for() -> None:
    keys, values = "abcde", "01234"
    texts = [f'span.attributes["{key}"] == "{value}"' for key in keys for value in values]
    kernel, reference = plan([*texts, 'Int(span.attributes["n"]) == 1'], ())
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    rng = random.Random(2)
    for number in range(1, 2500):
        span = spans.add(trace_id=bytes(15) + b"1", span_id=number.to_bytes(8, "big"))
        span.attributes.add(key="n").value.int_value = number
        for key in keys:
            span.attributes.add(key=key).value.string_value = rng.choice(values)
    payload = request.SerializeToString()
    for _ in range(3):
        assert_equal(outcome(kernel, payload), outcome(reference, payload), row_step=50)
    assert kernel.statistics.clears > 0
