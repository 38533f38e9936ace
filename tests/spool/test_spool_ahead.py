"""Reading ahead changes nothing but the time it takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine.spool import ahead


@given(items=st.lists(st.integers()), depth=st.integers(1, 4))
def test_everything_comes_in_order_and_once(items: list[int], depth: int) -> None:
    assert list(ahead(iter(items), depth=depth)) == items


def test_another_thread_works_and_no_further_ahead_than_allowed() -> None:
    begun: list[int] = []
    threads: set[int] = set()
    third = threading.Event()

    def count() -> Iterator[int]:
        for n in range(10):
            begun.append(n)
            threads.add(threading.get_ident())
            if n == 2:
                third.set()
            yield n

    items = ahead(count(), depth=2)
    assert next(items) == 0
    assert third.wait(10)
    assert next(items) == 1
    assert len(begun) <= 4
    assert list(items) == list(range(2, 10))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_comes_after_what_was_good() -> None:
    def two() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    got: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        got.extend(ahead(two()))
    items = ahead(two())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_whoever_stops_early_leaves_no_thread_behind() -> None:
    def names() -> set[str]:
        return {thread.name for thread in threading.enumerate() if thread.name.startswith("ahead")}

    before = names()
    for item in ahead(iter(range(1000))):
        if item == 3:
            break
    del item
    items = ahead(iter(range(1000)))
    next(items)
    items.close()
    assert names() <= before
