"""Sealed segments get smaller, and nobody can tell: the positions and the frames stay."""

from __future__ import annotations

import errno
import gzip
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spool_parts import HookedFileSystem, everything, open_spool, payload_of, put

from sloengine.spool import SEGMENT_HEADER, FileSystem, Frame, Spool, SpoolSnapshot, compression
from sloengine.spool.filesystem import BLOCK
from sloengine.spool.segment import SegmentHeader

WORDS = b"a request has many words, and they come again and again; "


def versions(directory: Path) -> list[int]:
    """The versions of all segments, oldest first."""
    found = [SegmentHeader.parse(p.read_bytes()) for p in sorted(directory.glob("*.seg"))]
    return [header.version for header in found if header is not None]


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def fill(spool: Spool, count: int = 30) -> list[Frame]:
    for number in range(1, count + 1):
        put(spool, payload_of([number], WORDS * 40))
    return everything(spool)


def compressed(directory: Path, files: FileSystem | None = None) -> list[Frame]:
    """Fill a spool of small segments, let all of them be compressed; return what was in it."""
    spool = open_spool(directory, segment_bytes=9_000, compress_share=1.0, files=files)
    frames = fill(spool)
    eventually(lambda: set(versions(directory)[:-1]) == {2})
    assert everything(spool) == frames
    spool.close()
    return frames


def test_frames_and_positions_stay_what_they_were(tmp_path: Path) -> None:
    frames = compressed(tmp_path)
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*.seg"))]
    assert all(size < 2_000 for size in sizes[:-1])
    spool = open_spool(tmp_path)
    assert everything(spool) == frames
    wanted = [frame.position for frame in frames[::7]]
    assert list(spool.read_at(wanted)) == frames[::7]
    found = spool.frames_of([3, 17], since_arrival_ns=0)
    assert found == {3: [frames[2].position], 17: [frames[16].position]}
    assert spool.statistics.bytes < sum(sizes) + 3_000
    spool.close()


def test_without_its_index_a_compressed_segment_is_read_like_any_other(tmp_path: Path) -> None:
    frames = compressed(tmp_path)
    for path in tmp_path.glob("*.idx"):
        path.unlink()
    spool = open_spool(tmp_path)
    assert everything(spool) == frames
    assert spool.frames_of([3], since_arrival_ns=0) == {3: [frames[2].position]}
    assert spool.statistics.lost_bytes == 0
    spool.close()


def test_who_only_looks_reads_compressed_segments_too(tmp_path: Path) -> None:
    frames = compressed(tmp_path)
    with SpoolSnapshot.open(tmp_path) as snapshot:
        assert list(snapshot.frames()) == frames
        assert snapshot.damaged_bytes == 0
        assert snapshot.bytes == frames[-1].next_position
    oldest = min(tmp_path.glob("*.seg"))
    with oldest.open("r+b") as file:
        file.seek(SEGMENT_HEADER)
        file.write(b"\xff" * 16)
    with SpoolSnapshot.open(tmp_path) as snapshot:
        left = list(snapshot.frames())
        assert 0 < len(left) < len(frames)
        assert left == frames[-len(left) :]
        assert snapshot.damaged_bytes > 0


def test_nothing_is_compressed_before_the_room_is_scarce(tmp_path: Path) -> None:
    spool = open_spool(
        tmp_path,
        segment_bytes=9_000,
        disk_budget=1_000_000,
        compress_share=1.0,
        compress_above=0.05,
    )
    fill(spool, 15)
    assert set(versions(tmp_path)) == {1}
    fill(spool, 30)
    eventually(lambda: 2 in versions(tmp_path))
    spool.close()


def test_the_room_that_was_gained_is_counted(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, segment_bytes=9_000, compress_share=1.0)
    frames = fill(spool)
    eventually(lambda: set(versions(tmp_path)[:-1]) == {2})

    def on_disk() -> int:
        return sum(p.stat().st_size for p in tmp_path.iterdir() if p.suffix in {".seg", ".idx"})

    # The last block of the segment that grows is filled up, which is not counted.
    eventually(lambda: abs(spool.statistics.bytes - on_disk()) < 1_000 + BLOCK)
    assert on_disk() < frames[-1].next_position / 2
    spool.close()


def test_what_the_senders_compressed_is_left_alone(tmp_path: Path) -> None:
    noise = random.Random(1)
    spool = open_spool(tmp_path, segment_bytes=9_000, compress_share=1.0)
    for _ in range(20):
        spool.append(gzip.compress(noise.randbytes(2_000)), arrival_ns=1, trace_ids=[], encoding=1)
    position = spool.append(WORDS * 120, arrival_ns=1, trace_ids=[])
    spool.append(WORDS * 120, arrival_ns=1, trace_ids=[])
    spool.wait_durable(position, 10)
    # The last one that is sealed holds words, and its turn is after all others.
    eventually(lambda: 2 in versions(tmp_path))
    assert set(versions(tmp_path)[:4]) == {1}
    spool.close()


@settings(deadline=None, max_examples=60)
@given(st.binary(min_size=1, max_size=300), st.integers(1, 70), st.data())
def test_any_stretch_of_the_log_reads_as_from_the_plain_file(
    tmp_path_factory: pytest.TempPathFactory, log: bytes, block: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("segment") / f"{1000:020d}.seg"
    log = log * 20
    path.write_bytes(SegmentHeader(1, 7, bytes(16), 1000, 3, 5).pack() + log)
    files = FileSystem()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "BLOCK", block * 8)
        patch.setattr(compression, "_WORTH", 100.0)
        copy = compression.compress(files, path, len(log), lambda: True)
    assert copy is not None
    assert copy.path.stat().st_size == copy.size
    with (
        compression.opened(files, path, 1000) as plain,
        compression.opened(files, copy.path, 1000) as packed,
    ):
        for _ in range(10):
            position = data.draw(st.integers(1000, 1000 + len(log) + 5))
            size = data.draw(st.integers(0, len(log) + 5))
            assert packed(position, size) == plain(position, size)


def test_a_damaged_block_costs_its_own_frames_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "BLOCK", 2_500)
    frames = compressed(tmp_path)
    first = min(tmp_path.glob("*.seg"))
    data = bytearray(first.read_bytes())
    data[-8] ^= 0xFF
    first.write_bytes(data)
    for index in ("kept", "lost"):
        if index == "lost":
            first.with_suffix(".idx").unlink()
        spool = open_spool(tmp_path)
        left = everything(spool)
        assert [frame for frame in frames if frame not in left] == [frames[2]]
        assert spool.statistics.quarantined_frames == 1
        spool.close()


def test_a_damaged_block_table_takes_the_segment_out_and_nothing_else(tmp_path: Path) -> None:
    frames = compressed(tmp_path)
    first = min(tmp_path.glob("*.seg"))
    data = bytearray(first.read_bytes())
    data[70] ^= 1
    first.write_bytes(data)
    spool = open_spool(tmp_path)
    assert everything(spool) == [frame for frame in frames if frame.position >= spool.start]
    assert 0 < spool.start < frames[6].position
    assert (tmp_path / "quarantine" / first.name).read_bytes() == data
    spool.close()


@pytest.mark.parametrize("operation", ["create", "rename", "sync", "write"])
def test_a_disk_that_fails_while_compressing_loses_nothing(tmp_path: Path, operation: str) -> None:
    failed: list[str] = []

    def before(done: str) -> None:
        if done == operation and failing:
            failed.append(done)
            raise OSError(errno.EIO, "broken")

    failing = False
    files = HookedFileSystem(before)
    spool = open_spool(tmp_path, segment_bytes=9_000)
    frames = fill(spool)
    spool.close()
    spool = open_spool(tmp_path, files=files, compress_share=1.0)
    failing = True
    eventually(lambda: bool(failed) or set(versions(tmp_path)) == {2})
    failing = False
    assert everything(spool) == frames
    spool.close()
    spool = open_spool(tmp_path)
    assert everything(spool) == frames
    assert spool.statistics.lost_bytes == 0
    spool.close()


def test_a_block_table_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{0:020d}.seg"
    table = struct.pack("<QII", 2**63, 1, 2**32 - 1)
    path.write_bytes(SegmentHeader(2, 7, bytes(16), 0, 0, 5).pack() + table)
    header = SegmentHeader.parse(path.read_bytes())
    assert compression.log_length(FileSystem(), path, header) is None


def test_each_block_is_written_before_the_next_one_is_read(tmp_path: Path) -> None:
    """So a copy is never in memory whole."""
    done: list[str] = []
    spool = open_spool(tmp_path, segment_bytes=4 * compression.BLOCK)
    put(spool, payload_of([1], WORDS * (3 * compression.BLOCK // len(WORDS))))
    put(spool, payload_of([2], WORDS * (3 * compression.BLOCK // len(WORDS))))
    spool.close()
    first = min(tmp_path.glob("*.seg"))
    files = HookedFileSystem(done.append)
    length = compression.log_length(files, first, SegmentHeader.parse(first.read_bytes()))
    assert length is not None
    done.clear()
    assert compression.compress(files, first, length, lambda: True) is not None
    copying = done[done.index("create") + 1 : done.index("sync")]
    blocks = -(-length // compression.BLOCK)
    assert blocks >= 3
    assert copying == ["write", *["read", "write"] * blocks, "write"]
