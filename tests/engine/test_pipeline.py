"""Receive and process, joined by spool and store: what is acknowledged is counted, once."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from engine_kit import (
    NOON_NS,
    REJECTING,
    SECOND_NS,
    all_of,
    on,
    outcomes,
    pipeline,
    request,
    span,
    take,
)

from sloengine.clock import FrozenClock
from sloengine.definitions import load_definitions
from sloengine.errors import PermanentError
from sloengine.receiver import Request
from sloengine.spool import Encoding


@pytest.fixture(autouse=True, params=["reference", "auto"])
def both_hot_paths(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every truth below holds for the kernels and for their plain twins."""
    with on(request.param):
        yield


GOOD = (1, "checkout", "good", "")
FAILED = (1, "checkout", "failed", "failed")


def test_a_whole_trace_becomes_a_fact_after_idle_wait(tmp_path: Path) -> None:
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock) as (stages, store, _):
        take(stages, request(span(1, 1)))
        clock.advance(9 * SECOND_NS)
        stages.process()
        assert outcomes(store) == []
        clock.advance(SECOND_NS)
        stages.process()
        assert outcomes(store) == [GOOD]


def test_a_request_sent_twice_counts_once(tmp_path: Path) -> None:
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock) as (stages, store, _):
        for _ in range(3):
            take(stages, request(span(1, 1)))
            clock.advance(60 * SECOND_NS)
            stages.process()
        assert outcomes(store) == [GOOD]


def test_the_very_same_request_is_acknowledged_again_and_applied_once(tmp_path: Path) -> None:
    with pipeline(tmp_path, FrozenClock(NOON_NS)) as (stages, _, spool):
        first = take(stages, request(span(1, 1), span(1, 2, parent=1)))
        again = take(stages, request(span(1, 1), span(1, 2, parent=1)))
        assert (first.spans, first.repeated) == (2, False)
        assert (again.spans, again.repeated) == (2, True)
        assert len(list(spool.read(0))) == 1


@pytest.mark.parametrize("encoding", [Encoding.GZIP, Encoding.ZSTD])
def test_a_request_is_kept_as_it_came_and_means_the_same(
    tmp_path: Path, encoding: Encoding
) -> None:
    clock = FrozenClock(NOON_NS)
    payload = request(span(1, 1))
    with pipeline(tmp_path, clock) as (stages, store, spool):
        compress = gzip.compress if encoding is Encoding.GZIP else zstandard.compress
        stored = compress(payload)
        stages.accept(Request(stored, encoding, limit=1 << 20))
        (frame,) = spool.read(0)
        assert (frame.stored, frame.encoding, frame.payload) == (stored, encoding, payload)
    with pipeline(tmp_path, clock) as (stages, store, _):
        clock.advance(10 * SECOND_NS)
        stages.process()
        assert outcomes(store) == [GOOD]


@pytest.mark.parametrize("recent_traces", [1000, 0], ids=["from memory", "from the spool"])
def test_a_late_span_corrects_what_was_counted(tmp_path: Path, recent_traces: int) -> None:
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock, definitions=REJECTING, recent_traces=recent_traces) as (
        stages,
        store,
        _,
    ):
        take(stages, request(span(1, 1)))
        clock.advance(10 * SECOND_NS)
        stages.process()
        assert outcomes(store) == [(1, "checkout", "failed", "no-payment")]
        clock.advance(600 * SECOND_NS)
        take(stages, request(span(1, 2, "pay", parent=1)))
        clock.advance(120 * SECOND_NS)
        stages.process()
        assert outcomes(store) == [GOOD]
        with store.reader() as reader:
            (correction,) = reader.corrections(0, clock.now_ns() + 1)
            assert (correction.before_reason, correction.after_outcome) == ("no-payment", "good")


def test_after_a_restart_a_late_span_still_finds_its_trace(tmp_path: Path) -> None:
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock, definitions=REJECTING) as (stages, store, _):
        take(stages, request(span(1, 1)))
        clock.advance(10 * SECOND_NS)
        stages.process()
    with pipeline(tmp_path, clock, definitions=REJECTING) as (stages, store, _):
        take(stages, request(span(1, 2, "pay", parent=1)))
        clock.advance(120 * SECOND_NS)
        stages.process()
        assert outcomes(store) == [GOOD]


def test_what_was_pending_at_the_end_of_a_process_is_judged_by_the_next(tmp_path: Path) -> None:
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock) as (stages, store, _):
        take(stages, request(span(1, 1, error=True)))
        assert outcomes(store) == []
    with pipeline(tmp_path, clock) as (stages, store, _):
        clock.advance(10 * SECOND_NS)
        stages.process()
        assert outcomes(store) == [FAILED]


def test_replaying_what_was_committed_already_changes_nothing(tmp_path: Path) -> None:
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock) as (stages, store, _):
        # The second trace stays pending, so the safe position stays at its frame: the frames after
        # it are read again although their facts are stored.
        take(stages, request(span(2, 1, parent=77)))
        all_of(stages, [request(span(trace, 1)) for trace in (1, 3, 4)])
        clock.advance(10 * SECOND_NS)
        stages.process()
        before = outcomes(store)
        assert len(before) == 4
    with pipeline(tmp_path, clock) as (stages, store, _):
        clock.advance(200 * SECOND_NS)
        stages.process()
        assert outcomes(store) == before
        with store.reader() as reader:
            assert reader.corrections(0, clock.now_ns() + 1) == ()


def test_a_trace_without_facts_is_new_however_late_it_comes(tmp_path: Path) -> None:
    clock = FrozenClock(NOON_NS + 40 * 3600 * SECOND_NS)
    with pipeline(tmp_path, clock) as (stages, store, _):
        take(stages, request(span(1, 1)))
        clock.advance(10 * SECOND_NS)
        stages.process()
        assert outcomes(store) == [GOOD]


def test_a_late_span_whose_trace_left_the_spool_is_counted_and_changes_nothing(
    tmp_path: Path,
) -> None:
    clock = FrozenClock(NOON_NS)
    with pipeline(
        tmp_path, clock, definitions=REJECTING, recent_traces=0, horizon_ns=600 * SECOND_NS
    ) as (stages, store, _):
        take(stages, request(span(1, 1)))
        clock.advance(10 * SECOND_NS)
        stages.process()
        before = outcomes(store)
        clock.advance(4000 * SECOND_NS)
        take(stages, request(span(1, 2, "pay", parent=1)))
        clock.advance(130 * SECOND_NS)
        stages.process()
        assert outcomes(store) == before
        with store.reader() as reader:
            assert reader.counters()["processor.late_unverifiable"] == 1


def test_order_batches_and_restarts_change_no_fact(tmp_path: Path) -> None:
    dice = random.Random(7)
    spans = [
        one
        for trace in range(1, 60)
        for one in (
            span(trace, 1, duration_s=dice.choice([1, 5]), error=trace % 7 == 0),
            span(trace, 2, "pay", parent=1),
            span(trace, 3, "bank", parent=2),
        )
    ]

    def facts_of(folder: Path, *, pieces: int, restarts: int) -> list[tuple[int, str, str, str]]:
        shuffled = dice.sample(spans, len(spans))
        batches = [shuffled[piece::pieces] for piece in range(pieces)]
        clock = FrozenClock(NOON_NS)
        share = -(-len(batches) // (restarts + 1))
        for first in range(0, len(batches), share):
            with pipeline(folder, clock, definitions=REJECTING, recent_traces=5) as (
                stages,
                store,
                _,
            ):
                for batch in batches[first : first + share]:
                    take(stages, request(*batch))
                    clock.advance(dice.choice([0, 1, 11]) * SECOND_NS)
                    stages.process()
                if first + share >= len(batches):
                    clock.advance(200 * SECOND_NS)
                    stages.process()
                    return outcomes(store)
        raise AssertionError

    whole = facts_of(tmp_path / "whole", pieces=1, restarts=0)
    assert len(whole) == 59
    assert facts_of(tmp_path / "pieces", pieces=40, restarts=0) == whole
    assert facts_of(tmp_path / "restarts", pieces=40, restarts=4) == whole


def test_malformed_bytes_are_refused_and_leave_no_trace(tmp_path: Path) -> None:
    with pipeline(tmp_path, FrozenClock(NOON_NS)) as (stages, _, spool):
        before = spool.end
        with pytest.raises(PermanentError):
            take(stages, b"\xff\xff\xff")
        assert spool.end == before


def test_new_definitions_judge_what_is_pending_and_leave_what_was_judged(tmp_path: Path) -> None:
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock) as (stages, store, _):
        take(stages, request(span(1, 1)))
        clock.advance(10 * SECOND_NS)
        stages.process()
        take(stages, request(span(2, 1)))
        (tmp_path / "definitions" / "checkout.yaml").write_text(REJECTING, encoding="utf-8")
        stages.reload(load_definitions(tmp_path / "definitions").plan)
        take(stages, request(span(3, 1), span(3, 2, "pay", parent=1)))
        clock.advance(10 * SECOND_NS)
        stages.process()
        assert outcomes(store) == [
            GOOD,
            (2, "checkout", "failed", "no-payment"),
            (3, "checkout", "good", ""),
        ]


def test_a_late_span_is_judged_by_the_definitions_that_closed_its_trace(tmp_path: Path) -> None:
    clock = FrozenClock(NOON_NS)
    with pipeline(tmp_path, clock) as (stages, store, _):
        take(stages, request(span(1, 1)))
        clock.advance(10 * SECOND_NS)
        stages.process()
        first = stages.plan.revision
        (tmp_path / "definitions" / "checkout.yaml").write_text(REJECTING, encoding="utf-8")
        stages.reload(load_definitions(tmp_path / "definitions").plan)
        assert stages.plan.revision != first
        take(stages, request(span(1, 9, "late", parent=1)))
        clock.advance(120 * SECOND_NS)
        stages.process()
        assert outcomes(store) == [GOOD]
        with store.reader() as reader:
            assert [fact.revision for fact in reader.facts()] == [first]
