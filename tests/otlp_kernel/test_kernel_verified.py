"""What looks alike at a glance is compared in full: crafted hashes, and every edge of UTF-8."""

from __future__ import annotations

import itertools
import random

import numpy as np
from kernel_twins import CAPTURES, USUAL, assert_equal, outcome, plan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sloengine.otlp.kernel import layout as at

_ALL = 2**64 - 1
_A = b"sixteen bytes, a"
_EDGES = bytes.fromhex("00 41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff")


def _mixed(word: int, more: int) -> int:
    """As the kernel stirs a word into a hash."""
    product = (word ^ more) * 0x9E3779B97F4A7C15
    return (product ^ product >> 64) & _ALL


def _request(*spans: Span) -> bytes:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add(spans=spans)
    return request.SerializeToString()


def _span(number: int, other: bytes) -> Span:
    span = Span(trace_id=bytes(15) + b"1", span_id=number.to_bytes(8, "big"))
    span.attributes.add(key="other").value.bytes_value = other
    return span


def test_values_whose_whole_hashes_are_equal_are_two_values() -> None:
    kernel, reference = plan([f'Hex(span.attributes["other"]) == "{_A.hex()}"'], ())
    kernel.decode(_request(_span(1, b"start")))
    [context] = kernel._idle
    [wanted] = [one for one in kernel._wanted.inputs if one.field.key == "other"]
    seed = int(context._state[at.SEED // 8])
    begun = _mixed(seed, wanted.number << 40 | at.BYTES << 32 | 16)
    first, last = (int.from_bytes(_A[place : place + 8], "little") for place in (0, 8))
    rng = random.Random(3)
    forged = []
    for _ in range(20):
        other = rng.getrandbits(64)
        end = last ^ _mixed(begun, first) ^ _mixed(begun, other)
        forged.append(other.to_bytes(8, "little") + end.to_bytes(8, "little"))
        assert _mixed(_mixed(begun, other), end) == _mixed(_mixed(begun, first), last)
    payload = _request(_span(1, _A), *(_span(2 + n, value) for n, value in enumerate(forged)))
    assert_equal(outcome(kernel, payload), outcome(reference, payload))
    vectors = kernel.decode(payload).batch.vector
    assert np.count_nonzero(vectors == vectors[0]) == 1


def test_text_is_utf_8_by_the_letter() -> None:
    """Every edge of Unicode's table 3-7, at the start, in the middle and at the end of words."""
    kernel, reference = plan(USUAL, CAPTURES[:3])
    sequences = [
        bytes(parts)
        for size in (1, 2, 3)
        for parts in itertools.product(_EDGES, repeat=size)
        if size < 3 or parts[0] >= 0xDF
    ]
    rng = random.Random(5)
    sequences += [
        bytes([lead, *rng.choices(_EDGES, k=3)]) for lead in range(0xEF, 256) for _ in range(60)
    ]
    refused = 0
    for number, sequence in enumerate(sequences):
        text = b"x" * (number % 11) + sequence + b"y" * (number % 3)
        name = b"\x2a" + bytes([len(text)]) + text
        ids = b"\x0a\x10" + bytes(15) + b"1" + b"\x12\x08" + bytes(7) + b"1"
        span = ids + name
        scope = b"\x12" + bytes([len(span)]) + span
        spans = b"\x12" + bytes([len(scope)]) + scope
        payload = b"\x0a" + bytes([len(spans)]) + spans
        before = kernel.statistics.fallbacks
        found, expected = outcome(kernel, payload), outcome(reference, payload)
        assert_equal(found, expected)
        is_refused = kernel.statistics.fallbacks > before
        assert is_refused == isinstance(expected, str)
        refused += is_refused
    assert 0 < refused < len(sequences)
