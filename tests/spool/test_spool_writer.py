"""Whole blocks past the page cache: what the file holds meanwhile, and where that is refused."""

from __future__ import annotations

import errno
import logging
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spool_parts import (
    FailingFileSystem,
    HookedFileSystem,
    ShortFileSystem,
    everything,
    open_spool,
    payload_of,
    put,
    wait_until_accepted,
)

from sloengine.errors import StoreError
from sloengine.spool import SEGMENT_HEADER, FileSystem
from sloengine.spool.filesystem import BLOCK
from sloengine.spool.segment import SegmentHeader
from sloengine.spool.writer import BlockBuffer, SegmentWriter

HEADER = SegmentHeader(1, 7, bytes(16), 0, 0, 5)


def written(directory: Path, groups: Sequence[Sequence[bytes]], files: FileSystem) -> list[bytes]:
    """Write groups of frames by a buffer of two blocks; return the file after each, and sealed."""
    directory.mkdir()
    seen = []
    buffer = BlockBuffer(2 * BLOCK)
    writer = SegmentWriter.create(files, directory, HEADER, groups[0], buffer)
    path = next(directory.glob("*.seg"))
    for group in groups[1:]:
        seen.append(path.read_bytes())
        writer.append(group)
    seen.append(path.read_bytes())
    writer.seal()
    return [*seen, path.read_bytes()]


@settings(deadline=None, max_examples=60)
@given(
    groups=st.lists(
        st.lists(st.integers(0, 3 * BLOCK) | st.sampled_from([BLOCK - SEGMENT_HEADER, BLOCK])),
        min_size=1,
        max_size=5,
    ),
    seed=st.integers(0, 99),
    is_direct=st.booleans(),
)
def test_after_each_group_the_file_holds_all_frames_and_zeros_to_the_end_of_a_block(
    tmp_path_factory: pytest.TempPathFactory,
    groups: list[list[int]],
    seed: int,
    is_direct: bool,
) -> None:
    dice = random.Random(seed)
    frames = [[dice.randbytes(size) for size in group] for group in groups]
    files = FileSystem() if is_direct else ShortFileSystem(most=1000)
    folder = tmp_path_factory.mktemp("writer") / "spool"
    *growing, sealed = written(folder, frames, files)
    expected = HEADER.pack()
    for group, found in zip(frames, growing, strict=True):
        expected += b"".join(group)
        assert found == expected + bytes(-len(expected) % BLOCK)
    assert sealed == expected


def test_the_memory_that_the_disk_reads_from_lies_on_a_boundary() -> None:
    buffer = BlockBuffer()
    assert buffer.bytes.ctypes.data % BLOCK == 0
    with pytest.raises(ValueError, match="whole blocks"):
        BlockBuffer(1000)


class Refusing(HookedFileSystem):
    """A file system without direct writes, which says so when a file is opened or written."""

    def __init__(self, where: str, code: int) -> None:
        super().__init__(lambda _: None)
        self.where = where
        self.code = code
        self.direct: set[int] = set()
        self.refused = 0

    def create_direct(self, path: Path) -> int:
        self._refuse("open")
        fd = super().create_direct(path)
        self.direct.add(fd)
        return fd

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        if fd in self.direct:
            self._refuse("write")
        return super().write_at(fd, data, offset)

    def close(self, fd: int) -> None:
        self.direct.discard(fd)
        super().close(fd)

    def _refuse(self, where: str) -> None:
        if where == self.where:
            self.refused += 1
            raise OSError(self.code, os.strerror(self.code))


@pytest.mark.parametrize("where", ["open", "write"])
@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP])
def test_where_direct_writes_are_refused_the_page_cache_is_used_and_one_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, where: str, code: int
) -> None:
    files = Refusing(where, code)
    caplog.set_level(logging.INFO)
    spool = open_spool(tmp_path, files=files, segment_bytes=500)
    positions = [put(spool, payload_of([n], bytes(100))) for n in range(20)]
    assert [frame.position for frame in everything(spool)] == positions
    assert spool.statistics.stopped is None
    assert files.refused == 1
    assert caplog.text.count("refuses direct writes") == 1
    spool.close()
    assert not list(tmp_path.glob("*.tmp"))


def killed(directory: Path, target: Path) -> Path:
    """Copy a spool as a crash would leave it, and return its last segment."""
    shutil.copytree(directory, target)
    return max(target.glob("*.seg"))


def test_a_crash_leaves_a_filled_block_which_is_no_damage(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    for n in range(5):
        put(spool, payload_of([n], bytes(300)))
    frames = everything(spool)
    last = killed(tmp_path / "spool", tmp_path / "crashed")
    spool.close()
    assert last.stat().st_size % BLOCK == 0
    for _ in range(2):
        spool = open_spool(tmp_path / "crashed")
        assert everything(spool) == frames
        assert spool.end == frames[-1].next_position
        statistics = spool.statistics
        assert (statistics.torn_bytes, statistics.lost_bytes) == (0, 0)
        spool.close()
        assert last.stat().st_size == SEGMENT_HEADER + frames[-1].next_position


def test_damage_before_a_filled_block_is_counted_without_the_filling(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    for n in range(3):
        put(spool, payload_of([n], b"x" * 300))
    frames = everything(spool)
    last = killed(tmp_path / "spool", tmp_path / "crashed")
    spool.close()
    data = bytearray(last.read_bytes())
    data[SEGMENT_HEADER + frames[-1].position + 100] ^= 1
    last.write_bytes(data)
    spool = open_spool(tmp_path / "crashed")
    assert everything(spool) == frames[:-1]
    assert spool.statistics.lost_bytes == frames[-1].next_position - frames[-1].position
    assert spool.statistics.quarantined_frames == 1
    # The damaged frame was given that position, which nobody gets again.
    assert spool.end == frames[-1].next_position
    spool.close()


def test_payloads_that_end_in_zeros_are_not_taken_for_the_filling(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    payload = payload_of([1], bytes(2 * BLOCK))
    for _ in range(3):
        put(spool, payload)
    killed(tmp_path / "spool", tmp_path / "crashed")
    spool.close()
    spool = open_spool(tmp_path / "crashed")
    assert [frame.payload for frame in everything(spool)] == [payload] * 3
    spool.close()


def test_a_seal_that_cannot_cut_loses_nothing(tmp_path: Path) -> None:
    def fail(operation: str) -> None:
        if operation == "cut":
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    spool = open_spool(tmp_path, files=HookedFileSystem(fail), segment_bytes=500)
    for n in range(10):
        put(spool, payload_of([n], bytes(100)))
    frames = everything(spool)
    spool.close()
    for _ in range(2):
        spool = open_spool(tmp_path)
        assert everything(spool) == frames
        assert spool.statistics.lost_bytes == spool.statistics.torn_bytes == 0
        assert spool.frames_of([9], since_arrival_ns=0) == {9: [frames[-1].position]}
        spool.close()


def test_whichever_part_of_a_large_write_fails_it_is_made_good_in_another_file(
    tmp_path: Path,
) -> None:
    """Frames larger than the buffer are written in several steps, any of which may fail."""
    writing = {"create", "write", "sync", "rename", "sync_directory"}
    payloads = [payload_of([n], random.Random(n).randbytes(3 << 20)) for n in range(3)]
    nth = 0
    finished = False
    while not finished:
        nth += 1
        directory = tmp_path / str(nth)
        open_spool(directory).close()
        files = FailingFileSystem(nth, errno.EIO, writing)
        try:
            spool = open_spool(directory, files=files, segment_bytes=64 << 20)
        except StoreError:
            continue
        for payload in payloads:
            wait_until_accepted(spool, payload)
        killed(directory, tmp_path / f"{nth}-killed")
        spool.close()
        finished = not files.broken.is_set()
        for left in (directory, tmp_path / f"{nth}-killed"):
            spool = open_spool(left)
            assert list(dict.fromkeys(frame.payload for frame in everything(spool))) == payloads
            assert spool.statistics.lost_bytes == 0
            spool.close()
            shutil.rmtree(left)
    assert nth > 10
