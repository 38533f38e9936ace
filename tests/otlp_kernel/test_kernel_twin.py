"""The decoder kernel and its plain twin are one: on what senders write, and on any other bytes."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_twins import (
    CAPTURES,
    UNUSUAL,
    USUAL,
    assert_equal,
    assert_together,
    mutated,
    outcome,
    plan,
    scrambled,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_requests import requests

CASES = int(os.environ.get("SLOENGINE_TWIN_CASES", "600"))
"""How many payloads are compared: `make twins CASES=1000000` for a million."""
pytestmark = [pytest.mark.usefixtures("compiled_kernels"), pytest.mark.timeout(120 + CASES // 10)]
_VARIANTS = 20

PLANS = {
    "usual": plan(USUAL, CAPTURES[:3]),
    "unusual": plan(UNUSUAL, CAPTURES),
    "both": plan((*USUAL, *UNUSUAL), ()),
    "nothing": plan((), ()),
}
many = settings(max_examples=max(5, CASES // _VARIANTS // len(PLANS)), deadline=None)


@pytest.mark.parametrize("name", PLANS)
@many
@given(message=requests, seed=st.integers(0, 2**32))
def test_what_senders_write_is_decoded_alike_and_by_the_kernel_itself(
    name: str, message: ExportTraceServiceRequest, seed: int
) -> None:
    kernel, reference = PLANS[name]
    payload = message.SerializeToString()
    before = kernel.statistics.fallbacks
    assert_equal(outcome(kernel, payload), outcome(reference, payload))
    assert kernel.statistics.fallbacks == before
    rng = random.Random(seed)
    for _ in range(_VARIANTS // 2):
        payload = scrambled(message.SerializeToString(), rng)
        assert_equal(outcome(kernel, payload), outcome(reference, payload))
    for _ in range(_VARIANTS // 2):
        payload = mutated(payload if rng.random() < 0.3 else message.SerializeToString(), rng)
        assert_equal(outcome(kernel, payload), outcome(reference, payload))


affixes = st.text("ab\u00e9", max_size=4)


@settings(max_examples=max(20, CASES // 10), deadline=None)
@given(
    tests=st.lists(
        st.tuples(st.sampled_from(["HasPrefix", "HasSuffix"]), affixes), min_size=1, max_size=80
    ),
    names=st.lists(st.text("ab\u00e9", max_size=7), min_size=1, max_size=40),
)
def test_any_number_of_prefixes_and_suffixes_is_told_apart(
    tests: list[tuple[str, str]], names: list[str]
) -> None:
    kernel, reference = plan([f'{name}(span.name, "{text}")' for name, text in tests], ())
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number, name in enumerate(names, 1):
        spans.add(trace_id=bytes(15) + b"1", span_id=number.to_bytes(8, "big"), name=name)
    payload = request.SerializeToString()
    assert_equal(outcome(kernel, payload), outcome(reference, payload))
    assert_equal(outcome(kernel, payload), outcome(reference, payload))


@many
@given(payload=st.binary(max_size=60))
def test_no_bytes_at_all_make_a_difference(payload: bytes) -> None:
    kernel, reference = PLANS["both"]
    assert_equal(outcome(kernel, payload), outcome(reference, payload))


@pytest.mark.parametrize("name", PLANS)
@many
@given(messages=st.lists(requests, min_size=1, max_size=4), seed=st.integers(0, 2**32))
def test_requests_in_a_row_are_decoded_as_each_alone_is_or_not_together(
    name: str, messages: list[ExportTraceServiceRequest], seed: int
) -> None:
    kernel, reference = PLANS[name]
    rng = random.Random(seed)
    payloads = [message.SerializeToString() for message in messages]
    assert_together(kernel, reference, payloads)
    for _ in range(_VARIANTS // 4):
        changed = list(payloads)
        place = rng.randrange(len(changed))
        change = scrambled if rng.random() < 0.5 else mutated
        changed[place] = change(changed[place], rng)
        assert_together(kernel, reference, changed)
        # One request that ends in the middle of a field, and another that goes on with it.
        whole = b"".join(payloads)
        cut = rng.randint(0, len(whole))
        assert_together(kernel, reference, [whole[:cut], whole[cut:]])


def test_a_field_that_stands_in_two_requests_is_in_none() -> None:
    kernel, reference = PLANS["usual"]
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=bytes(15) + b"1", span_id=bytes(7) + b"1", name="a span")
    whole = request.SerializeToString()
    for decoder in (kernel, reference):
        together = decoder.decode_together([whole, b"", whole])
        assert together is not None
        assert together.spans == (1, 0, 1)
        for cut in range(1, len(whole)):
            assert decoder.decode_together([whole[:cut], whole[cut:]]) is None
            assert decoder.decode_together([whole, whole[:cut], whole[cut:]]) is None
