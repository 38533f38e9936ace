"""Finding frames by trace."""

from __future__ import annotations

import random
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spool_parts import (
    STORE,
    HookedFileSystem,
    everything,
    open_spool,
    payload_of,
    put,
    trace_ids_of,
)

from sloengine.clock import FrozenClock
from sloengine.errors import PermanentError
from sloengine.spool import Spool
from sloengine.spool.index import HASH_KEYS, ArrayIndex, MemoryIndex, TraceHasher, TraceIds

KEYS = random.Random(1).randbytes(8 * HASH_KEYS)
TRACE_IDS = st.integers(0, 2**128 - 1) | st.integers(0, 20)


@given(
    frames=st.lists(st.lists(TRACE_IDS, unique=True, max_size=6), max_size=12),
    asked=st.lists(TRACE_IDS, unique=True, max_size=8),
    sort_after=st.sets(st.integers(0, 12)),
)
def test_an_index_finds_what_a_dictionary_finds(
    frames: list[list[int]], asked: list[int], sort_after: set[int]
) -> None:
    hasher = TraceHasher(KEYS)
    index = MemoryIndex()
    expected: dict[int, list[int]] = {}
    for number, trace_ids in enumerate(frames):
        index.add(hasher.hashes(trace_ids), number * 100)
        for trace_id in trace_ids:
            expected.setdefault(trace_id, []).append(number * 100)
        if number in sort_after:
            index.sorted()
    for found in (index, index.sorted(), ArrayIndex(*index.sorted().arrays)):
        rows, offsets = found.find(hasher.hashes(asked))
        pairs = [(asked[row], int(offset)) for row, offset in zip(rows, offsets, strict=True)]
        assert pairs == [(trace, offset) for trace in asked for offset in expected.get(trace, [])]
    assert index.entries == sum(map(len, frames))


@given(trace_ids=st.lists(st.integers(0, 2**128 - 1), max_size=20))
def test_the_hash_is_the_multilinear_one_of_the_format(trace_ids: list[int]) -> None:
    keys = [int.from_bytes(KEYS[8 * n : 8 * n + 8], "little") for n in range(HASH_KEYS)]

    def half(words: list[int], keys: list[int]) -> int:
        total = keys[0] + sum(word * key for word, key in zip(words, keys[1:], strict=True))
        return (total % 2**64) >> 32

    expected = []
    for trace_id in trace_ids:
        words = [trace_id >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0)]
        expected.append(half(words, keys[:5]) << 32 | half(words, keys[5:]))
    assert TraceHasher(KEYS).hashes(trace_ids).tolist() == expected


@given(runs=st.lists(st.tuples(TRACE_IDS, st.integers(1, 5)), max_size=30))
def test_each_trace_of_a_request_counts_once_wherever_its_spans_stand(
    runs: list[tuple[int, int]],
) -> None:
    hasher = TraceHasher(KEYS)
    ids = [trace_id for trace_id, spans in runs for _ in range(spans)]
    expected = sorted(hasher.hashes(list(set(ids))).tolist())
    assert hasher.distinct(ids).tolist() == expected
    assert hasher.distinct(TraceIds.of(ids)).tolist() == expected


def test_two_stores_hash_alike_only_by_chance() -> None:
    ids = list(range(1000))
    other = TraceHasher(random.Random(2).randbytes(8 * HASH_KEYS))
    mine = TraceHasher(KEYS).hashes(ids)
    assert len(np.unique(mine)) == 1000
    assert not (mine == other.hashes(ids)).any()


def test_frames_are_found_across_sealed_and_growing_segments_and_restarts(tmp_path: Path) -> None:
    dice = random.Random(7)
    expected: dict[int, list[int]] = {}
    spool = open_spool(tmp_path, segment_bytes=600)
    for n in range(100):
        trace_ids = dice.sample(range(40), dice.randint(0, 8))
        position = put(spool, payload_of(trace_ids, bytes(dice.randint(0, 60))))
        for trace_id in trace_ids:
            expected.setdefault(trace_id, []).append(position)
        if n % 30 == 29:
            assert spool.frames_of(range(-0, 50), since_arrival_ns=0) == expected
            spool.close()
            spool = open_spool(tmp_path, segment_bytes=600)
        assert spool.frames_of([5, 6, 49], since_arrival_ns=0) == {
            trace: expected[trace] for trace in (5, 6, 49) if trace in expected
        }
    assert spool.frames_of([], since_arrival_ns=0) == {}
    assert spool.statistics.segments > 10
    spool.close()


def test_segments_in_which_nothing_arrived_since_are_left_out(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, segment_bytes=200)
    positions = [put(spool, payload_of([1]), arrival_ns=n) for n in range(9)]
    assert spool.frames_of([1], since_arrival_ns=6) == {1: positions[6:]}
    # A segment counts as a whole: what is older in it may come along.
    assert spool.frames_of([1], since_arrival_ns=5) == {1: positions[3:]}
    spool.close()


def test_acceptance_does_not_wait_for_an_index_that_cannot_be_written(tmp_path: Path) -> None:
    class NoIndexes(HookedFileSystem):
        def create(self, path: Path) -> int:
            if ".idx" in path.name:
                raise OSError(28, "No space left on device")
            return super().create(path)

    spool = open_spool(tmp_path, segment_bytes=200, files=NoIndexes(lambda _: None))
    positions = [put(spool, payload_of([1])) for _ in range(9)]
    assert spool.frames_of([1], since_arrival_ns=0) == {1: positions}
    spool.close()
    assert list(tmp_path.glob("*.idx")) == []
    spool = open_spool(tmp_path)
    assert spool.frames_of([1], since_arrival_ns=0) == {1: positions}
    spool.close()
    assert len(list(tmp_path.glob("*.idx"))) == len(list(tmp_path.glob("*.seg")))


def test_an_index_is_not_built_twice(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, segment_bytes=200)
    for _ in range(9):
        put(spool, payload_of([1]))
    spool.close()

    def never(payload: bytes) -> list[int]:
        raise AssertionError(payload)

    spool = Spool.open(tmp_path, store_id=STORE, clock=FrozenClock(0), trace_ids_of=never)
    assert len(spool.frames_of([1], since_arrival_ns=0)[1]) == 9
    spool.close()


def test_a_frame_that_cannot_be_decoded_does_not_keep_the_others_from_being_found(
    tmp_path: Path,
) -> None:
    spool = open_spool(tmp_path)
    positions = [put(spool, payload_of([n, 9])) for n in range(3)]
    spool.close()
    next(tmp_path.glob("*.idx")).unlink()

    def picky(payload: bytes) -> list[int]:
        if trace_ids_of(payload)[0] == 1:
            raise PermanentError("malformed")
        return trace_ids_of(payload)

    spool = Spool.open(tmp_path, store_id=STORE, clock=FrozenClock(0), trace_ids_of=picky)
    assert spool.frames_of([9], since_arrival_ns=0) == {9: [positions[0], positions[2]]}
    assert len(everything(spool)) == 3
    spool.close()


def test_readers_find_every_durable_frame_while_others_write(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, segment_bytes=2_000)
    done = threading.Event()
    positions: list[int] = []

    def write() -> None:
        for n in range(300):
            position = put(spool, payload_of([7], bytes(n % 90)))
            positions.append(position)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        known = list(positions)
        found = spool.frames_of([7], since_arrival_ns=0).get(7, [])
        assert set(known) <= set(found)
        assert found == sorted(set(found))
        assert [frame.position for frame in spool.read_at(known)] == known
    writer.join()
    assert spool.frames_of([7], since_arrival_ns=0) == {7: positions}
    spool.close()


def test_keys_of_another_length_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="10 keys"):
        TraceHasher(bytes(8))


def mapped_index_kib() -> int:
    """How much of index files this process has in memory."""
    held, is_index = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if "-" in line.split(None, 1)[0]:
            is_index = line.endswith(".idx")
        elif is_index and line.startswith("Rss:"):
            held += int(line.split()[1])
    return held


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is resident")
def test_what_a_question_reads_of_indexes_is_not_held(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, segment_bytes=9_000)
    for number in range(1, 40):
        put(spool, payload_of([number], b"x" * 2_000))
    spool.close()
    spool = open_spool(tmp_path)
    positions = spool.frames_of([1, 2, 3], since_arrival_ns=0)
    assert sorted(positions) == [1, 2, 3]
    assert mapped_index_kib() == 0
    assert spool.frames_of([1, 2, 3], since_arrival_ns=0) == positions
    spool.close()
