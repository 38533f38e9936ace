"""An attribute is passed over only where another span had the very same one, to the last byte."""

from __future__ import annotations

import pytest
from kernel_twins import assert_equal, outcome, plan, varint
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

pytestmark = pytest.mark.usefixtures("compiled_kernels")

_CONDITIONS = ('span.attributes["wanted"] == "yes"', 'span.attributes[""] == "yes"')
_VALUE = "x" * 80
_IDS = b"\x0a\x10" + b"t" * 16 + b"\x12\x08" + b"s" * 8


def _request(*spans: list[bytes]) -> bytes:
    """A request with a span for each list of attributes as they are written, and one behind."""
    written = b"".join(
        _field(0x12, _IDS + b"".join([_field(0x4A, attribute) for attribute in attributes]))
        for attributes in (*spans, [_written("z", _VALUE)])
    )
    return _field(0x0A, _field(0x12, written))


def _field(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + varint(len(content)) + content


def _written(key: str, value: str) -> bytes:
    return KeyValue(key=key, value=AnyValue(string_value=value)).SerializeToString()


@pytest.mark.parametrize("size", [1, 2, 23, 24, 25, 26, 27, 55, 56, 57, 58, 59, 70])
def test_each_byte_of_a_repeated_attribute_is_looked_at(size: int) -> None:
    kernel, reference = plan(_CONDITIONS, ())
    same = _written("other", _VALUE[:size])
    payload = _request([same], [same])
    first = payload.index(same)
    second = payload.index(same, first + 1)
    assert_equal(outcome(kernel, payload), outcome(reference, payload))
    for place in range(len(same)):
        broken = bytearray(same)
        broken[place] ^= 0x80
        changed = payload[:second] + bytes(broken) + payload[second + len(same) :]
        assert_equal(outcome(kernel, changed), outcome(reference, changed))


@pytest.mark.parametrize("size", [1, 26, 57])
def test_an_attribute_that_breaks_off_is_not_the_one_before(size: int) -> None:
    kernel, reference = plan(_CONDITIONS, ())
    same = _written("other", _VALUE[:size])
    for cut in range(len(same)):
        payload = _request([same], [same[:cut]])
        assert_equal(outcome(kernel, payload), outcome(reference, payload))


@pytest.mark.parametrize("key", ["wantee", "vanted", "wan_ed"])
def test_a_wanted_attribute_is_told_from_one_that_stood_in_its_place(key: str) -> None:
    kernel, reference = plan(_CONDITIONS, ())
    payload = _request(
        [_written(key, "yes")],
        [_written("wanted", "yes")],
        [_written("wanted", "yes")],
        [_written(key, "yes")],
        [_written(key, "yes"), _written("wanted", "yes")],
    )
    decoded = kernel.decode(payload)
    assert_equal(decoded, outcome(reference, payload))
    without, wanted = decoded.batch.vector[:2].tolist()
    assert without != wanted
    assert decoded.batch.vector.tolist() == [without, wanted, wanted, without, wanted, without]


def test_an_attribute_without_a_byte_has_the_empty_key() -> None:
    kernel, reference = plan(('span.attributes[""] == nil', *_CONDITIONS), ())
    for payload in (_request([b""]), _request([_written("", "yes")]), _request([b""])):
        assert_equal(outcome(kernel, payload), outcome(reference, payload))


def test_more_attributes_than_places_are_all_looked_at() -> None:
    kernel, reference = plan(_CONDITIONS, ())
    many = [_written(f"key{number}", "value") for number in range(70)]
    for wanted in (0, 31, 32, 33, 69):
        with_one = [*many[:wanted], _written("wanted", "yes"), *many[wanted:]]
        payload = _request(many, with_one, many, with_one)
        decoded = kernel.decode(payload)
        assert_equal(decoded, outcome(reference, payload))
        assert len(set(decoded.batch.vector.tolist())) == 2
