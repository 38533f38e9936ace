"""The compiled filter is the plain one, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.spool.judged import TraceFilter
from sloengine.spool.kernel import KernelFilter

pytestmark = pytest.mark.usefixtures("compiled_kernels")

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=60)


@given(st.integers(64, 5_000), st.lists(HASHES, max_size=4), HASHES)
@settings(max_examples=300, deadline=None)
def test_both_hold_and_find_the_same(
    capacity: int, added: list[list[int]], others: list[int]
) -> None:
    plain, kernel = TraceFilter(capacity, 5), KernelFilter(capacity, 5)
    for some in added:
        for one in (plain, kernel):
            one.add(np.array(some, np.uint64))
    assert np.array_equal(plain.words, kernel.words)
    assert plain.entries == kernel.entries == sum(map(len, added))
    asked = np.array([*others, *(one for some in added for one in some)], np.uint64)
    found = [np.zeros(len(asked), np.bool_) for _ in range(2)]
    for one, answer in zip((plain, kernel), found, strict=True):
        one.mark(asked, answer)
    assert np.array_equal(found[0], found[1])
    assert found[0][len(others) :].all()


@pytest.mark.parametrize("kind", [TraceFilter, KernelFilter])
def test_a_full_filter_is_wrong_once_in_twenty_thousand_at_most(kind: type[TraceFilter]) -> None:
    draw = np.random.default_rng(3)
    one = kind(1 << 16, 0)
    one.add(draw.integers(0, 2**64, 1 << 16, dtype=np.uint64))
    asked = draw.integers(0, 2**64, 1_000_000, dtype=np.uint64)
    found = np.zeros(len(asked), np.bool_)
    one.mark(asked, found)
    assert found.mean() < 1 / 20_000


def test_what_was_found_elsewhere_stays_found() -> None:
    for kind in (TraceFilter, KernelFilter):
        found = np.array([True, False])
        kind(64, 0).mark(np.arange(2, dtype=np.uint64), found)
        assert found.tolist() == [True, False]
