"""Which traces were judged: none is missed inside the horizon, few are suspected wrongly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spool_parts import open_spool, payload_of, put

from sloengine.clock import FrozenClock
from sloengine.spool import TraceIds
from sloengine.spool.judged import JudgedTraces

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS


def random_hashes(count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 2**64 - 1), max_size=20), st.integers(0, 20)), max_size=12
    ),
    st.integers(0, 60),
)
def test_none_is_missed_inside_the_horizon(
    verdicts: list[tuple[list[int], int]], horizon: int
) -> None:
    judged = JudgedTraces(horizon_ns=horizon * MINUTE_NS)
    now = 0
    inside: list[tuple[int, int]] = []
    for hashes, minutes in verdicts:
        now += minutes
        judged.add(np.array(hashes, np.uint64), now * MINUTE_NS)
        inside += [(one, now) for one in hashes]
    since = max(0, now - horizon)
    wanted = [one for one, at in inside if at >= since]
    assert judged.perhaps(np.array(wanted, np.uint64), since * MINUTE_NS).all()


def test_of_new_traces_one_in_a_thousand_at_most_is_suspected_in_each_generation() -> None:
    judged = JudgedTraces(horizon_ns=HOUR_NS)
    for part in range(20):
        judged.add(random_hashes(30_000, part), part * MINUTE_NS // 2)
    suspected = judged.perhaps(random_hashes(100_000, 99), 0)
    assert suspected.mean() < 0.001 * len(judged)


def test_a_generation_that_fills_up_is_followed_by_a_larger_one() -> None:
    judged = JudgedTraces(horizon_ns=HOUR_NS)
    for part in range(100):
        judged.add(random_hashes(20_000, part), part)
    assert len(judged) <= 6
    assert all(judged.perhaps(random_hashes(20_000, part), 0).all() for part in range(100))


def test_generations_beyond_the_horizon_are_let_go() -> None:
    judged = JudgedTraces(horizon_ns=HOUR_NS)
    for minute in range(0, 600, 5):
        judged.add(random_hashes(100, minute), minute * MINUTE_NS)
    assert len(judged) <= 9
    assert not judged.perhaps(random_hashes(100, 0), 0).any()


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    judged = JudgedTraces(horizon_ns=HOUR_NS)
    judged.add(random_hashes(100, 1), 100 * MINUTE_NS)
    judged.add(random_hashes(100, 2), 90 * MINUTE_NS)
    for seed in (1, 2):
        assert judged.perhaps(random_hashes(100, seed), 40 * MINUTE_NS).all()


def test_traces_are_judged_once_somebody_says_so_and_not_because_a_frame_holds_them(
    tmp_path: Path,
) -> None:
    spool = open_spool(tmp_path, clock=FrozenClock(6))
    put(spool, payload_of([7, 8]), arrival_ns=5)
    assert spool.perhaps_judged([7, 8, 9], since_ns=0).tolist() == [False, False, False]
    spool.note_judged([8])
    assert spool.perhaps_judged([7, 8, 9], since_ns=0).tolist() == [False, True, False]
    assert spool.perhaps_judged([8], since_ns=7).tolist() == [False]
    spool.close()


@pytest.mark.parametrize("lost", [False, True], ids=["indexes are there", "indexes are lost"])
def test_after_a_restart_every_trace_of_the_log_may_have_been_judged(
    tmp_path: Path, lost: bool
) -> None:
    spool = open_spool(tmp_path, segment_bytes=200)
    for trace_id in range(1, 20):
        put(spool, payload_of([trace_id]), arrival_ns=trace_id)
    spool.close()
    if lost:
        for path in tmp_path.glob("*.idx"):
            path.unlink()
    spool = open_spool(tmp_path)
    put(spool, payload_of([50]), arrival_ns=50)
    asked = TraceIds.of([*range(1, 20), 50])
    assert spool.perhaps_judged(asked, since_ns=0).tolist() == [True] * 19 + [False]
    spool.close()
