"""Two that stand in one place of a table under one tag are told apart by what they are.

Such pairs are rare: they are looked for among millions, by the hash of the kernel itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from itertools import count
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pytest
from kernel_twins import assert_equal, outcome, plan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from sloengine.otlp import ReferenceDecoder
from sloengine.otlp.kernel import layout as at
from sloengine.otlp.kernel.decoder import KernelDecoder
from sloengine.otlp.kernel.tables import mixed

pytestmark = pytest.mark.usefixtures("compiled_kernels")

Words = npt.NDArray[np.uint64]
Attributes = dict[str, str | int]

_KEYS = "abcdefg"
_VALUES = "01234567"
_HALF = np.uint64(32)


def _stir(hashes: Words, words: Words) -> Words:
    """Stir each word into each hash."""
    stirred = np.empty(len(hashes) * len(words), np.uint64)
    for place in range(len(stirred)):
        stirred[place] = mixed(hashes[place // len(words)], words[place % len(words)])
    return stirred


_njit: Any = numba.njit
_stirred: Callable[[Words, Words], Words] = _njit(_stir)


def _alike(hashes: Words, mask: int) -> list[int]:
    """Return where two hashes stand that have place and tag in common, if there are two."""
    seen = hashes & np.uint64(0xFFFFFFFF << 32 | mask)
    ordered = np.sort(seen)
    common = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.flatnonzero(seen == common[0])[:2].tolist() if len(common) else []


def _assert_told_apart(
    decoders: tuple[KernelDecoder, ReferenceDecoder],
    seed: int,
    spans: list[Attributes],
    patch: pytest.MonkeyPatch,
) -> None:
    """Assert that spans are not taken for one another where tables have a seed: neither when they
    are new nor when they are known.
    """
    kernel, reference = decoders
    request = ExportTraceServiceRequest()
    within = request.resource_spans.add().scope_spans.add()
    for number, attributes in enumerate(spans, 1):
        span = within.spans.add(trace_id=bytes(15) + b"1", span_id=number.to_bytes(8, "big"))
        for key, value in attributes.items():
            attribute = KeyValue(key=key)
            if isinstance(value, str):
                attribute.value.string_value = value
            else:
                attribute.value.int_value = value
            span.attributes.append(attribute)
    payload = request.SerializeToString()
    patch.setattr(secrets, "randbits", lambda _bits: seed)
    for _ in range(2):
        assert_equal(outcome(kernel, payload), outcome(reference, payload))
    assert [context._get(at.SEED) for context in kernel._idle] == [seed]
    assert len(set(kernel.decode(payload).batch.vector.tolist())) == len(spans)


def test_combinations_in_one_place_under_one_tag_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f'span.attributes["{key}"] == "{value}"' for key in _KEYS for value in _VALUES]
    decoders = kernel, _ = plan(texts, ())
    keys = [group.fields[0].key for group in kernel._wanted.groups]
    for column in range(len(keys)):
        classes = [kernel._columns.class_of(column, (value,)) for value in (None, *_VALUES)]
        assert classes == [*range(len(classes))]
    one = np.arange(len(_VALUES) + 1, dtype=np.uint64)
    two = (one[:, None] | one << _HALF).ravel()
    mask = kernel._take()._get(at.COMBO_MASK)
    for seed in count(1):
        hashes = np.array([seed], np.uint64)
        for words in (two, two, two, one):
            hashes = _stirred(hashes, words)
        if found := _alike(hashes, mask):
            break
    classes = np.transpose(np.unravel_index(found, [len(one)] * len(keys))).tolist()
    spans: list[Attributes] = [
        {key: _VALUES[number - 1] for key, number in zip(keys, numbers, strict=True) if number}
        for numbers in classes
    ]
    _assert_told_apart(decoders, seed, spans, monkeypatch)


def test_numbers_in_one_place_under_one_tag_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.random.default_rng(1).integers(at.SMALL, 2**63, 1 << 22)
    kernel, _ = plan(['Int(span.attributes["n"]) == 1'], ())
    mask = kernel._take()._get(at.VALUE_MASK)
    for seed in count(1):
        begun = _stirred(np.array([seed], np.uint64), np.array([at.INT << 32], np.uint64))
        if found := _alike(_stirred(begun, numbers.view(np.uint64)), mask):
            break
    first, second = numbers[found].tolist()
    decoders = plan([f'Int(span.attributes["n"]) == {first}'], ())
    [wanted] = decoders[0]._wanted.inputs
    assert (wanted.number, wanted.mode) == (0, at.EXACT)
    _assert_told_apart(decoders, seed, [{"n": first}, {"n": second}], monkeypatch)
