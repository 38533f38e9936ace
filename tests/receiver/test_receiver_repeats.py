"""The same request twice: answered twice, applied once, never before the first is durable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.errors import RetryError
from sloengine.receiver import Accepted, Repeats, Request
from sloengine.spool import Encoding


def plain(payload: bytes) -> Request:
    return Request.plain(payload)


class Work:
    """Counts how often a request is applied."""

    def __init__(self, answer: Accepted | None = None) -> None:
        self.times = 0
        self.answer = answer or Accepted(spans=3)

    def __call__(self) -> Accepted:
        self.times += 1
        return self.answer


def test_a_repeat_is_answered_as_the_first_was_and_not_applied() -> None:
    repeats, work = Repeats(horizon_ns=100), Work(Accepted(2, "2 of 5 rejected", 3))
    first = repeats.once(plain(b"spans"), 0, work)
    second = repeats.once(plain(b"spans"), 100, work)
    assert (first.repeated, second.repeated) == (False, True)
    assert (second.rejected, second.message, second.spans) == (2, "2 of 5 rejected", 3)
    assert work.times == 1


def test_another_length_other_bytes_and_another_compression_are_other_requests() -> None:
    repeats, work = Repeats(horizon_ns=100), Work()
    for request in (
        plain(b"spans"),
        plain(b"spans\0"),
        plain(b"spanz"),
        Request(b"spans", Encoding.GZIP),
    ):
        assert not repeats.once(request, 0, work).repeated
    assert work.times == 4


def test_beyond_the_horizon_a_request_is_new() -> None:
    repeats, work = Repeats(horizon_ns=100), Work()
    repeats.once(plain(b"spans"), 0, work)
    assert not repeats.once(plain(b"spans"), 101, work).repeated
    assert repeats.once(plain(b"spans"), 201, work).repeated


def test_a_clock_that_goes_back_forgets_nothing() -> None:
    repeats, work = Repeats(horizon_ns=100), Work()
    repeats.once(plain(b"spans"), 1000, work)
    assert repeats.once(plain(b"spans"), 0, work).repeated


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 5))
def test_the_latest_are_remembered_and_no_more(numbers: list[int], limit: int) -> None:
    repeats = Repeats(horizon_ns=100, limit=limit)
    remembered: list[int] = []
    for number in numbers:
        known = repeats.once(plain(bytes([number])), 0, Work()).repeated
        assert known == (number in remembered)
        if not known:
            remembered = [*remembered, number][-limit:]
        assert len(repeats) == len(remembered)


def test_what_failed_is_not_remembered() -> None:
    repeats, work = Repeats(horizon_ns=100), Work()

    def fail() -> Accepted:
        raise RetryError("full")

    with pytest.raises(RetryError, match="full"):
        repeats.once(plain(b"spans"), 0, fail)
    assert not repeats.once(plain(b"spans"), 0, work).repeated


class Gate:
    """Work that stands still until it is let go, and then ends as it is told."""

    def __init__(self, end: Callable[[], Accepted]) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self._end = end

    def __call__(self) -> Accepted:
        self.begun.set()
        assert self.go.wait(20)
        return self._end()


def test_repeats_that_come_meanwhile_wait_until_the_first_is_durable() -> None:
    repeats, never = Repeats(horizon_ns=100), Work()
    gate = Gate(lambda: Accepted(spans=7))
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(repeats.once, plain(b"spans"), 0, gate)
        assert gate.begun.wait(20)
        others = [threads.submit(repeats.once, plain(b"spans"), 0, never) for _ in range(3)]
        assert not repeats.once(plain(b"other"), 0, Work()).repeated
        assert not any(other.done() for other in others)
        gate.go.set()
        assert first.result(20) == Accepted(spans=7)
        assert {other.result(20) for other in others} == {Accepted(spans=7, repeated=True)}
    assert never.times == 0


def test_where_the_first_fails_exactly_one_of_those_who_waited_takes_its_place() -> None:
    def fail() -> Accepted:
        raise RetryError("the disk is full")

    repeats, work = Repeats(horizon_ns=100), Work()
    gate = Gate(fail)
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(repeats.once, plain(b"spans"), 0, gate)
        assert gate.begun.wait(20)
        others = [threads.submit(repeats.once, plain(b"spans"), 0, work) for _ in range(3)]
        gate.go.set()
        with pytest.raises(RetryError, match="disk is full"):
            first.result(20)
        assert sorted(other.result(20).repeated for other in others) == [False, True, True]
    assert work.times == 1
