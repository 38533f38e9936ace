"""What the spool promises to those who append, read and commit."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import zstandard
from spool_parts import (
    STORE,
    FailingFileSystem,
    HookedFileSystem,
    ShortFileSystem,
    everything,
    open_spool,
    payload_of,
    put,
    wait_until_accepted,
)

from sloengine.clock import FrozenClock
from sloengine.errors import RetryError, StoreError, TooLargeError
from sloengine.spool import FRAME_HEADER, SEGMENT_HEADER, Encoding, Frame, Spool


def test_frames_come_back_in_order_with_all_that_was_given(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    payloads = [payload_of([n, n + 1], os.urandom(n)) for n in range(50)]
    positions = [put(spool, payload, arrival_ns=1000 + n) for n, payload in enumerate(payloads)]
    frames = everything(spool)
    assert [frame.payload for frame in frames] == payloads
    assert [frame.position for frame in frames] == positions
    assert [frame.arrival_ns for frame in frames] == list(range(1000, 1050))
    assert [frame.sequence for frame in frames] == list(range(50))
    assert [frame.next_position for frame in frames] == [*positions[1:], spool.end]
    assert spool.durable_end == spool.end
    spool.close()


def test_positions_count_frames_only_and_survive_a_restart(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, segment_bytes=200)
    positions = [put(spool, payload_of([n])) for n in range(10)]
    size = FRAME_HEADER + 17
    assert positions == [n * size for n in range(10)]
    before = everything(spool)
    spool.close()
    spool = open_spool(tmp_path, segment_bytes=200)
    assert everything(spool) == before
    assert put(spool, payload_of([10])) == 10 * size
    assert everything(spool)[-1].sequence == 10
    spool.close()


def test_a_segment_is_named_by_its_first_position_and_never_splits_a_frame(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, segment_bytes=150)
    for n in range(5):
        put(spool, payload_of([n]))
    put(spool, payload_of([9], bytes(1000)))
    put(spool, payload_of([10]))
    spool.close()
    names = sorted(path.name for path in tmp_path.glob("*.seg"))
    size = FRAME_HEADER + 17
    assert names == [
        f"{base:020d}.seg" for base in (0, 2 * size, 4 * size, 5 * size, 6 * size + 1000)
    ]
    assert (tmp_path / names[0]).stat().st_size == SEGMENT_HEADER + 2 * size


def test_a_compressed_request_is_kept_as_it_came_and_read_inflated(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    plain = payload_of([1, 2], b"x" * 1000)
    two_members = gzip.compress(plain[:100]) + gzip.compress(plain[100:])
    stored = {
        Encoding.IDENTITY: plain,
        Encoding.GZIP: two_members,
        Encoding.ZSTD: zstandard.compress(plain),
    }
    for encoding, data in stored.items():
        spool.append(data, arrival_ns=1, trace_ids=[1, 2], encoding=encoding)
    spool.wait_durable(spool.end - 1, 10)
    frames = everything(spool)
    assert [frame.encoding for frame in frames] == list(stored)
    assert [frame.stored for frame in frames] == list(stored.values())
    assert [frame.payload for frame in frames] == [plain] * 3
    spool.close()


def test_reading_takes_any_range_of_positions(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, segment_bytes=300)
    positions = [put(spool, payload_of([n], bytes(n))) for n in range(20)]
    for first in range(0, 20, 3):
        for last in range(first, 20, 4):
            frames = spool.read(positions[first], positions[last])
            assert [frame.position for frame in frames] == positions[first:last]
    chosen = positions[1::5]
    assert [frame.position for frame in spool.read_at(reversed(chosen))] == chosen
    assert list(spool.read_at([spool.end, spool.end + 5])) == []
    spool.close()


def test_frames_are_read_in_any_order_and_a_file_is_opened_once(tmp_path: Path) -> None:
    opened: list[str] = []
    files = HookedFileSystem(lambda what: opened.append(what) if what == "open_read" else None)
    spool = open_spool(tmp_path, files=files, segment_bytes=300)
    positions = [put(spool, payload_of([n], bytes(n))) for n in range(40)]
    segments = spool.statistics.segments
    assert 3 < segments <= 16
    order = [*positions[::3], *positions[1::3], *positions[2::3]]
    opened.clear()
    with spool.reading() as frame_at:
        frames = list(map(frame_at, order))
        assert [frame.position for frame in frames if frame is not None] == order
        assert frame_at(spool.end) is None
    assert len(opened) == segments
    spool.close()


def test_reading_between_frames_is_not_taken_for_damage(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    positions = [put(spool, payload_of([n])) for n in range(5)]
    assert [frame.position for frame in spool.read(positions[2] + 3)] == positions[3:]
    assert spool.statistics.quarantined_frames == 0
    spool.close()


def test_short_writes_and_reads_lose_nothing(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, files=ShortFileSystem(), segment_bytes=300)
    payloads = [payload_of([n], bytes(n)) for n in range(20)]
    for payload in payloads:
        put(spool, payload)
    assert [frame.payload for frame in everything(spool)] == payloads
    spool.close()
    spool = open_spool(tmp_path, files=ShortFileSystem())
    assert [frame.payload for frame in everything(spool)] == payloads
    spool.close()


def test_frames_that_wait_for_the_disk_are_found_and_read_at_their_position(tmp_path: Path) -> None:
    go = threading.Event()
    held = threading.Event()

    def hold_syncs(operation: str) -> None:
        if operation == "sync" and held.is_set():
            go.wait(10)

    # So far on that no position fits the 32 bits that an index has within a segment.
    spool = open_spool(tmp_path, files=HookedFileSystem(hold_syncs), committed=2**40)
    first = put(spool, payload_of([7]))
    held.set()
    second = spool.append(payload_of([7, 8]), arrival_ns=2, trace_ids=[7, 8])
    assert spool.durable_end == second
    assert [frame.position for frame in spool.read(0)] == [first]
    assert [frame.position for frame in spool.read_at([first, second])] == [first, second]
    assert spool.frames_of([7, 8, 9], since_arrival_ns=0) == {7: [first, second], 8: [second]}
    with pytest.raises(RetryError, match="not written within"):
        spool.wait_durable(second, 0.01)
    go.set()
    spool.wait_durable(second, 10)
    spool.close()


def test_waiting_for_a_frame_that_was_never_appended_is_a_mistake(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pytest.raises(ValueError, match="no frame"):
        spool.wait_durable(0, 1)
    spool.close()


def test_closing_makes_durable_what_was_appended(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, sync_interval_s=60)
    position = spool.append(payload_of([1]), arrival_ns=1, trace_ids=[1])
    spool.close()
    spool.close()
    spool.wait_durable(position, 1)
    with pytest.raises(RetryError, match="stopping"):
        spool.append(payload_of([1]), arrival_ns=1, trace_ids=[1])
    spool = open_spool(tmp_path)
    assert len(everything(spool)) == 1
    spool.close()


# -- the folder -------------------------------------------------------------------------------


def test_a_missing_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "spool"
    spool = open_spool(directory)
    put(spool, payload_of([1]))
    spool.close()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert {path.name for path in directory.iterdir()} == {
        "spool.id",
        "spool.lock",
        f"{0:020d}.seg",
        f"{0:020d}.idx",
    }


def test_a_second_process_is_refused_by_the_first_ones_pid(tmp_path: Path) -> None:
    holder = (
        "import sys; from pathlib import Path; from sloengine.clock import SystemClock;"
        "from sloengine.spool import Spool;"
        f"Spool.open(Path({str(tmp_path)!r}), store_id={STORE!r}, clock=SystemClock(),"
        " trace_ids_of=list); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match=rf"in use by process {process.pid}; stop"):
            open_spool(tmp_path)
        process.kill()
        process.wait()
    open_spool(tmp_path).close()


def test_another_stores_folder_is_refused(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    put(spool, payload_of([1]))
    spool.close()
    with pytest.raises(StoreError, match="belongs to another store; put"):
        open_spool(tmp_path, store_id="another")
    (tmp_path / "spool.id").unlink()
    with pytest.raises(StoreError, match="belongs to another store; put"):
        open_spool(tmp_path, store_id="another")
    open_spool(tmp_path).close()


def test_a_folder_that_is_a_file_gets_a_message_with_a_cure(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    path.write_text("not a folder")
    with pytest.raises(StoreError, match=r"is not a folder; move it away"):
        open_spool(path)


def test_a_folder_that_cannot_be_written_gets_a_message_with_a_cure(tmp_path: Path) -> None:
    class NoPermission(HookedFileSystem):
        def create(self, path: Path) -> int:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with pytest.raises(StoreError, match=r"no permission .* give the folder to the user"):
        open_spool(tmp_path, files=NoPermission(lambda _: None))
    open_spool(tmp_path).close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_gets_the_same_message(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match=r"no permission .* give the folder to the user"):
        open_spool(tmp_path)
    tmp_path.chmod(0o700)


# -- retention --------------------------------------------------------------------------------


def test_the_oldest_committed_segments_go_first_when_the_budget_needs_room(tmp_path: Path) -> None:
    budget = 20_000
    spool = open_spool(tmp_path, segment_bytes=2_000, disk_budget=budget)
    kept: list[int] = []
    for n in range(200):
        kept.append(put(spool, payload_of([n], bytes(400))))
        spool.commit_position(spool.durable_end)
        on_disk = sum(path.stat().st_size for path in tmp_path.glob("*.[is][de][xg]"))
        assert on_disk <= budget
    frames = everything(spool)
    assert 20 <= len(frames) < 50
    assert [frame.position for frame in frames] == kept[-len(frames) :]
    assert spool.start == frames[0].position
    assert spool.statistics.lost_bytes == 0
    spool.close()


def test_frames_that_are_not_committed_are_never_removed_but_stop_acceptance(
    tmp_path: Path,
) -> None:
    spool = open_spool(tmp_path, segment_bytes=1_000, disk_budget=10_000)
    accepted: list[int] = []

    def fill() -> None:
        while True:
            accepted.append(put(spool, payload_of([1], bytes(200))))

    with pytest.raises(RetryError, match="not processed yet fill the budget") as refused:
        fill()
    assert refused.value.retry_after_s > 0
    assert [frame.position for frame in everything(spool)] == accepted
    spool.commit_position(accepted[len(accepted) // 2])
    put(spool, payload_of([2], bytes(200)))
    left = [frame.position for frame in everything(spool)]
    assert set(accepted[len(accepted) // 2 :]) <= set(left)
    spool.close()


def test_committed_segments_older_than_the_horizon_are_removed(tmp_path: Path) -> None:
    clock = FrozenClock(0)
    spool = open_spool(tmp_path, segment_bytes=200, clock=clock, horizon_ns=100)
    positions = [put(spool, payload_of([n]), arrival_ns=10 * n) for n in range(20)]
    clock.set(250)
    spool.commit_position(positions[10])
    left = everything(spool)
    # Three frames a segment: those of which the newest arrived before 150, up to the commit.
    assert left[0].position == positions[9]
    spool.commit_position(spool.end)
    assert everything(spool)[0].arrival_ns == 150
    spool.close()


def test_a_spool_whose_folder_was_lost_gives_no_position_twice(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, committed=123_456)
    assert spool.start == spool.end == 123_456
    assert put(spool, payload_of([1])) == 123_456
    spool.close()
    spool = open_spool(tmp_path, committed=123_456)
    assert [frame.position for frame in everything(spool)] == [123_456]
    spool.close()


def test_a_request_that_no_spool_could_hold_is_refused_for_good(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, disk_budget=10_000)
    with pytest.raises(TooLargeError, match="smaller batches"):
        spool.append(bytes(6_000), arrival_ns=1, trace_ids=[])
    spool.close()


# -- several threads --------------------------------------------------------------------------


def test_many_callers_are_answered_by_few_fsyncs(tmp_path: Path) -> None:
    syncs = 0
    appended = threading.Barrier(9)
    all_appended = threading.Event()

    def count_syncs(operation: str) -> None:
        nonlocal syncs
        if operation == "sync":
            all_appended.wait(10)
            syncs += 1

    open_spool(tmp_path).close()
    spool = open_spool(tmp_path, files=HookedFileSystem(count_syncs))

    def send() -> None:
        position = spool.append(payload_of([1]), arrival_ns=1, trace_ids=[1])
        appended.wait(10)
        spool.wait_durable(position, 10)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    appended.wait(10)
    all_appended.set()
    for thread in threads:
        thread.join()
    # The first sync may have begun before the others appended; one more takes all of those.
    assert 1 <= syncs <= 2
    assert len(everything(spool)) == 8
    assert spool.statistics.syncs == syncs
    spool.close()


def test_eight_threads_get_their_own_frames_durably(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, segment_bytes=5_000, sync_interval_s=0.001)
    positions: list[dict[int, bytes]] = [{} for _ in range(8)]

    def send(number: int) -> None:
        for n in range(50):
            payload = payload_of([number * 1000 + n], bytes(n))
            position = put(spool, payload)
            assert spool.durable_end > position
            positions[number][position] = payload

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {at: payload for each in positions for at, payload in each.items()}
    assert {frame.position: frame.payload for frame in everything(spool)} == expected
    assert len(expected) == 400
    holders = [at for at, payload in expected.items() if payload == payload_of([3007], bytes(7))]
    assert spool.frames_of([3007], since_arrival_ns=0) == {3007: holders}
    spool.close()


# -- disks that fail --------------------------------------------------------------------------


def why_stopped(spool: Spool) -> str | None:
    return spool.statistics.stopped


def test_a_full_disk_stops_acceptance_and_is_left_without_help(tmp_path: Path) -> None:
    full = threading.Event()
    probes = 0
    probed = threading.Event()

    def no_room(operation: str) -> None:
        nonlocal probes
        if full.is_set() and operation in {"write", "create"}:
            probes += 1
            if probes > 3:
                probed.set()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    spool = open_spool(tmp_path, files=HookedFileSystem(no_room))
    first = put(spool, payload_of([1]))
    full.set()
    second = spool.append(payload_of([2]), arrival_ns=1, trace_ids=[2])
    with pytest.raises(RetryError, match="No space left on device"):
        spool.wait_durable(second, 10)
    with pytest.raises(RetryError, match="free space"):
        spool.append(payload_of([3]), arrival_ns=1, trace_ids=[3])
    assert why_stopped(spool) == "No space left on device"
    assert probed.wait(10)
    assert [frame.position for frame in everything(spool)] == [first]
    full.clear()
    third = wait_until_accepted(spool, payload_of([3]))
    # What had been appended is written at the position that it was given.
    assert [frame.position for frame in everything(spool)] == [first, second, third]
    assert why_stopped(spool) is None
    spool.close()
    spool = open_spool(tmp_path)
    assert [frame.position for frame in everything(spool)] == [first, second, third]
    assert spool.statistics.lost_bytes == 0
    spool.close()


def test_a_failing_disk_is_left_in_peace_between_attempts(tmp_path: Path) -> None:
    attempts = 0

    def fail_writes(operation: str) -> None:
        nonlocal attempts
        if operation == "write":
            attempts += 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    open_spool(tmp_path).close()
    spool = open_spool(tmp_path, files=HookedFileSystem(fail_writes), probe_interval_s=3600)
    position = spool.append(payload_of([1]), arrival_ns=1, trace_ids=[1])
    with pytest.raises(RetryError, match="Input/output error") as refused:
        spool.wait_durable(position, 10)
    assert refused.value.retry_after_s == 3600
    # Closing does not wait for the next attempt, and makes none.
    spool.close()
    assert attempts == 1


def test_on_a_full_disk_history_gives_way_to_new_requests(tmp_path: Path) -> None:
    allowed = 10**9

    class SmallDisk(HookedFileSystem):
        def write(self, fd: int, buffers: Sequence[bytes]) -> int:
            used = sum(path.stat().st_size for path in tmp_path.glob("*.seg*"))
            if used + sum(map(len, buffers)) > allowed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(fd, buffers)

        def write_at(self, fd: int, data: memoryview, offset: int) -> int:
            used = sum(path.stat().st_size for path in tmp_path.glob("*.seg*"))
            if used - os.fstat(fd).st_size + offset + len(data) > allowed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write_at(fd, data, offset)

    spool = open_spool(tmp_path, files=SmallDisk(lambda _: None), segment_bytes=500)
    allowed = 5_000
    for n in range(100):
        put(spool, payload_of([n], bytes(100)))
        spool.commit_position(spool.durable_end)
    assert spool.start > 0
    assert everything(spool)[-1].payload == payload_of([99], bytes(100))
    spool.close()


def test_an_fsync_that_failed_is_never_tried_again_on_the_same_file(tmp_path: Path) -> None:
    failed: set[tuple[int, int]] = set()
    fail_once = threading.Event()

    class Watched(HookedFileSystem):
        def sync(self, fd: int) -> None:
            status = os.fstat(fd)
            assert (status.st_dev, status.st_ino) not in failed
            if fail_once.is_set():
                fail_once.clear()
                failed.add((status.st_dev, status.st_ino))
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().sync(fd)

    spool = open_spool(tmp_path, files=Watched(lambda _: None))
    put(spool, payload_of([1]))
    fail_once.set()
    position = spool.append(payload_of([2]), arrival_ns=1, trace_ids=[2])
    with pytest.raises(RetryError, match="Input/output error"):
        spool.wait_durable(position, 10)
    wait_until_accepted(spool, payload_of([3]))
    assert len(failed) == 1
    assert len(list(tmp_path.glob("*.seg"))) == 2
    assert [frame.payload[1:17][-1] for frame in everything(spool)] == [1, 2, 3]
    spool.close()


def _session(directory: Path, files: FailingFileSystem, acknowledged: list[bytes]) -> None:
    """Open, append over several segments, commit, read, close; go on after what can be retried."""
    spool = open_spool(directory, files=files, segment_bytes=300)
    try:
        for n in range(5):
            trace_ids = [len(acknowledged), 77]
            payload = payload_of(trace_ids, bytes(40 + n))
            wait_until_accepted(spool, payload)
            acknowledged.append(payload)
        spool.frames_of([77], since_arrival_ns=0)
        list(spool.read(0))
    except RetryError:
        assert files.broken.is_set()
    finally:
        spool.close()


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_whichever_operation_fails_nothing_acknowledged_is_lost(tmp_path: Path, code: int) -> None:
    """The n-th operation fails, for every n, until a whole session passes without it."""
    n = 0
    finished = False
    before: list[bytes] = []
    _session(tmp_path / "before", FailingFileSystem(10**9, code), before)
    while not finished:
        n += 1
        directory = tmp_path / str(n)
        shutil.copytree(tmp_path / "before", directory)
        acknowledged = list(before)
        files = FailingFileSystem(n, code)
        try:
            _session(directory, files, acknowledged)
        except StoreError:
            assert files.broken.is_set()
        finished = not files.broken.is_set()
        spool = open_spool(directory)
        frames = everything(spool)
        payloads = [frame.payload for frame in frames]
        assert _missing(acknowledged, payloads) == []
        assert spool.statistics.lost_bytes == 0
        traces = spool.frames_of([77], since_arrival_ns=0)
        assert traces == {77: [frame.position for frame in frames]}
        spool.close()
    assert n > 50


def _missing(wanted: list[bytes], present: list[bytes]) -> list[bytes]:
    left = list(present)
    missing = []
    for payload in wanted:
        if payload in left:
            left.remove(payload)
        else:
            missing.append(payload)
    return missing


def test_a_failed_read_is_an_error_and_not_damage(tmp_path: Path) -> None:
    failing = threading.Event()

    def fail_reads(operation: str) -> None:
        if operation == "read" and failing.is_set():
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    spool = open_spool(tmp_path, files=HookedFileSystem(fail_reads))
    put(spool, payload_of([1]))
    failing.set()
    with pytest.raises(RetryError, match="check the disk"):
        everything(spool)
    failing.clear()
    assert len(everything(spool)) == 1
    assert spool.statistics.quarantined_frames == 0
    spool.close()
    (tmp_path / f"{0:020d}.idx").unlink()
    failing.set()
    with pytest.raises(StoreError, match="check the disk, then start again"):
        open_spool(tmp_path, files=HookedFileSystem(fail_reads))
    spool = open_spool(tmp_path)
    assert isinstance(everything(spool)[0], Frame)
    spool.close()
