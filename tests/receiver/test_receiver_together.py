"""Small requests that come at once are taken as one, and each is answered for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sloengine.clock import FrozenClock
from sloengine.errors import PermanentError, RetryError, SloengineError
from sloengine.otlp import ReferenceDecoder, SpanBatch, trace_ids_of
from sloengine.ottl import SERVICE_NAME, SPAN_NAME, ConditionTable
from sloengine.receiver import Accepted, Intake, Request, Stage
from sloengine.receiver.together import MOST_BYTES, SMALL_BYTES, Call, Together
from sloengine.spool import Spool, Waiter, answer

NOON_NS = 1_764_072_000 * 10**9
_LONG_S = 60.0
_ENOUGH = MOST_BYTES // SMALL_BYTES + 1
"""So many requests of `_SIZE` are as many bytes as are taken at once."""
_SIZE = SMALL_BYTES - 1024


class Taker:
    """Answers groups when it may, and remembers how large they were."""

    def __init__(self, calls: int, *, linger_s: float = 0.0) -> None:
        self.groups: list[int] = []
        self.may_take = threading.Event()
        self.takes = threading.Event()
        self.waiting = threading.Semaphore(0)
        """Released by each thread that begins to wait for its answer."""
        self.together = Together(self._take, self._wait, linger_s=linger_s)
        self._threads = ThreadPoolExecutor(calls)

    def accept(self, size: int = 10) -> Future[Accepted]:
        return self._threads.submit(self.together.accept, Request.plain(bytes(size)))

    def _take(self, calls: Sequence[Call]) -> None:
        self.takes.set()
        assert self.may_take.wait(_LONG_S)
        self.groups.append(len(calls))
        for call in calls:
            call.accepted = Accepted(spans=len(call.request.stored))
        answer([call.waiter for call in calls])

    def _wait(self, waiter: Waiter) -> None:
        self.waiting.release()
        if not waiter.answered.acquire(timeout=_LONG_S):
            raise RetryError("no answer")
        if waiter.refusal is not None:
            raise waiter.refusal


def test_what_comes_while_one_is_in_work_is_taken_as_one() -> None:
    taker = Taker(4)
    first = taker.accept(1)
    assert taker.takes.wait(_LONG_S)
    others = [taker.accept(size) for size in (2, 3, 4)]
    for _ in others:
        assert taker.waiting.acquire(timeout=_LONG_S)
    taker.may_take.set()
    assert [one.result(_LONG_S).spans for one in (first, *others)] == [1, 2, 3, 4]
    assert taker.groups == [1, 3]


def test_who_comes_alone_is_taken_alone_and_leaves_nobody_in_the_lead() -> None:
    taker = Taker(1)
    taker.may_take.set()
    for size in (1, 2, 3):
        assert taker.accept(size).result(_LONG_S).spans == size
    assert taker.groups == [1, 1, 1]


def test_a_leader_waits_for_company_no_longer_than_until_there_is_enough() -> None:
    taker = Taker(_ENOUGH, linger_s=_LONG_S)
    taker.may_take.set()
    answers = [taker.accept(_SIZE) for _ in range(_ENOUGH)]
    assert [one.result(_LONG_S / 2).spans for one in answers] == [_SIZE] * _ENOUGH
    assert taker.groups == [_ENOUGH]


def test_who_was_alone_before_waits_for_nobody() -> None:
    taker = Taker(1)
    taker.may_take.set()
    taker.accept().result(_LONG_S)
    taker.together._linger_s = 2 * _LONG_S
    taker.accept().result(_LONG_S)
    assert taker.groups == [1, 1]


def test_a_leader_waits_for_as_many_as_were_in_flight_when_the_last_group_was_taken() -> None:
    taker = Taker(_ENOUGH, linger_s=2 * _LONG_S)
    taker.may_take.set()
    for one in [taker.accept(_SIZE) for _ in range(_ENOUGH)]:
        one.result(_LONG_S)
        assert taker.waiting.acquire(timeout=_LONG_S)
    small = [taker.accept() for _ in range(_ENOUGH - 1)]
    for _ in small[1:]:  # all but the leader
        assert taker.waiting.acquire(timeout=_LONG_S)
    assert taker.groups == [_ENOUGH]
    small.append(taker.accept())
    for one in small:
        one.result(_LONG_S)
    assert taker.groups == [_ENOUGH, _ENOUGH]


def test_who_comes_while_a_group_is_in_work_is_company_for_the_next() -> None:
    taker = Taker(2)
    first = taker.accept()
    assert taker.takes.wait(_LONG_S)
    taker.together._linger_s = 2 * _LONG_S
    second = taker.accept()
    assert taker.waiting.acquire(timeout=_LONG_S)
    taker.may_take.set()
    first.result(_LONG_S)
    second.result(_LONG_S)
    assert taker.groups == [1, 1]


def test_an_error_of_the_group_is_the_answer_of_each_and_the_next_one_is_taken() -> None:
    fails = True

    def take(calls: Sequence[Call]) -> None:
        if fails:
            raise RetryError("the disk is full")
        answer([call.waiter for call in calls])

    def wait(waiter: Waiter) -> None:
        assert waiter.answered.acquire(timeout=_LONG_S)
        if waiter.refusal is not None:
            raise waiter.refusal

    together = Together(take, wait, linger_s=0.0)
    with pytest.raises(RetryError, match="the disk is full"):
        together.accept(Request.plain(b"x"))
    fails = False
    assert together.accept(Request.plain(b"x")) == Accepted()


def test_who_gives_up_waiting_leaves_the_queue() -> None:
    taker = Taker(2)
    first = taker.accept()
    assert taker.takes.wait(_LONG_S)

    def impatient(_waiter: Waiter) -> None:
        raise RetryError("too long")

    patient, taker.together._wait = taker.together._wait, impatient
    with pytest.raises(RetryError, match="too long"):
        taker.together.accept(Request.plain(b"later"))
    taker.together._wait = patient
    taker.may_take.set()
    assert first.exception(_LONG_S) is None
    assert taker.groups == [1]


def test_who_gives_up_just_when_his_turn_to_lead_comes_leads_and_waits_for_his_own_answer() -> None:
    taker = Taker(2)
    first = taker.accept(1)
    assert taker.takes.wait(_LONG_S)
    patient = taker.together._wait
    gave_up: list[Waiter] = []

    def first_impatient(waiter: Waiter) -> None:
        if gave_up:
            return patient(waiter)
        gave_up.append(waiter)
        taker.waiting.release()
        assert waiter.answered.acquire(timeout=_LONG_S)
        waiter.answered.release()  # as if the time had been over before it could be acquired
        raise RetryError("too long")

    taker.together._wait = first_impatient
    second = taker.accept(2)
    assert taker.waiting.acquire(timeout=_LONG_S)
    taker.may_take.set()
    assert [one.result(_LONG_S).spans for one in (first, second)] == [1, 2]
    assert taker.groups == [1, 1]
    assert [waiter.answered.locked() for waiter in gave_up] == [True]


# With a real spool and a real decoder


def _request(number: int, *, trace: bytes | None = None, size: int = 0) -> bytes:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    spans.add(
        trace_id=number.to_bytes(16) if trace is None else trace,
        span_id=number.to_bytes(8),
        name="x" * size,
    )
    return message.SerializeToString()


class _Counted:
    duplicates = 0
    late = 0


@contextmanager
def _intake(folder: Path) -> Iterator[tuple[Intake, Spool, list[int]]]:
    """An intake that waits for company until there is enough; with what is applied, by size."""
    clock = FrozenClock(NOON_NS)
    applied: list[int] = []
    fields = [SPAN_NAME, SERVICE_NAME]
    decoder = ReferenceDecoder(sorted(fields), ConditionTable(sorted(fields), []), [])

    def add(batch: SpanBatch, _position: int, _arrival_ns: int) -> _Counted:
        applied.append(len(batch))
        return _Counted()

    spool = Spool.open(folder, store_id="0" * 32, clock=clock, trace_ids_of=trace_ids_of)
    try:
        intake = Intake(
            spool,
            Stage(decoder, add),
            clock=clock,
            refuse=lambda: None,
            count=lambda _: None,
            horizon_ns=10**9,
            linger_s=_LONG_S,
        )
        yield intake, spool, applied
    finally:
        spool.close()


def _all_at_once(intake: Intake, payloads: Sequence[bytes]) -> list[Accepted | SloengineError]:
    def answer_to(payload: bytes) -> Accepted | SloengineError:
        try:
            return intake.accept(Request.plain(payload))
        except SloengineError as error:
            return error

    with ThreadPoolExecutor(len(payloads)) as threads:
        return list(threads.map(answer_to, payloads))


def test_requests_that_come_at_once_are_one_frame_and_hold_what_each_held(tmp_path: Path) -> None:
    numbers = range(1, _ENOUGH + 1)
    payloads = [_request(number, size=_SIZE) for number in numbers]
    with _intake(tmp_path) as (intake, spool, applied):
        answers = _all_at_once(intake, payloads)
        (frame,) = spool.read(0)
    assert answers == [Accepted(spans=1)] * _ENOUGH
    assert applied == [_ENOUGH]
    assert sorted(trace_ids_of(frame.payload)) == list(numbers)
    assert len(frame.payload) == sum(map(len, payloads))


def _broken(payload: bytes) -> bytes:
    return payload[:-1]


def _rejected(_payload: bytes) -> bytes:
    return _request(99, trace=bytes(16), size=_SIZE)


@pytest.mark.parametrize("spoil", [_broken, _rejected])
def test_a_bad_request_spoils_none_of_those_that_came_with_it(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    numbers = list(range(1, _ENOUGH + 1))
    payloads = [_request(number, size=_SIZE) for number in numbers]
    payloads[2] = spoil(payloads[2])
    with _intake(tmp_path) as (intake, spool, applied):
        answers = _all_at_once(intake, payloads)
        kept = sorted(trace for frame in spool.read(0) for trace in trace_ids_of(frame.payload))
    bad = answers.pop(2)
    if isinstance(bad, Accepted):
        assert (bad.spans, bad.rejected) == (0, 1)
        assert "1 of 1 spans rejected" in bad.message
    else:
        assert isinstance(bad, PermanentError)
    numbers.pop(2)
    assert answers == [Accepted(spans=1)] * len(numbers)
    assert applied == [1] * len(numbers)
    assert kept == numbers
