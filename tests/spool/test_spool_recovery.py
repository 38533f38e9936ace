"""What survives which damage: a table, after Prometheus' TestWALRepair_ReadingError."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from spool_parts import STORE, everything, open_spool, payload_of, put, trace_ids_of

from sloengine.errors import StoreError
from sloengine.spool import FRAME_HEADER, SEGMENT_HEADER, Spool
from sloengine.spool.filesystem import BLOCK

PER_SEGMENT = 4
SEGMENTS = 3
FRAMES = PER_SEGMENT * SEGMENTS
FILLER = 50
FRAME = FRAME_HEADER + 33 + FILLER
"""Bytes of each frame: traces `n` and 500."""
LAST = SEGMENTS - 1


def flip(path: Path, *offsets: int) -> None:
    data = bytearray(path.read_bytes())
    for offset in offsets:
        data[offset] ^= 0x10
    path.write_bytes(data)


def zero(path: Path, start: int, stop: int) -> None:
    data = bytearray(path.read_bytes())
    data[start:stop] = bytes(stop - start)
    path.write_bytes(data)


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def fill_up(path: Path, behind: bytes = b"") -> Path:
    """Add zeros to the end of a block, as while a segment grows, with something before them."""
    data = path.read_bytes() + behind
    path.write_bytes(data + bytes(-len(data) % BLOCK))
    return path


def delete_indexes(segments: list[Path]) -> None:
    for path in segments:
        path.with_suffix(".idx").unlink()


def add_foreign_files(segments: list[Path]) -> None:
    (segments[0].parent / "notes.txt").write_text("mine")
    (segments[0].parent / "folder").mkdir()


def at(frame: int, offset: int = 0) -> int:
    """Where a frame of a segment begins in its file."""
    return SEGMENT_HEADER + frame * FRAME + offset


@dataclass(frozen=True)
class Case:
    damage: Callable[[list[Path]], object]
    """Gets the segment files."""
    lost: set[int] = field(default_factory=set)
    """Frames that must not come back; all others must."""
    lost_bytes: int = 0
    torn_bytes: int = 0
    counted: int | None = None
    """`quarantined_frames`, where it is not the number of lost ones."""
    quarantine: int = 0
    """Files in quarantine/."""


CASES = {
    "nothing is wrong": Case(lambda _: None),
    "torn last record": Case(lambda s: cut(s[LAST], at(3, 20)), {11}, torn_bytes=20, counted=0),
    "torn inside the last payload": Case(
        lambda s: cut(s[LAST], at(4) - 1), {11}, torn_bytes=FRAME - 1, counted=0
    ),
    "cut between two records": Case(lambda s: cut(s[LAST], at(3)), {11}, counted=0),
    "zeros after the last record": Case(
        lambda s: s[LAST].write_bytes(s[LAST].read_bytes() + bytes(300)), torn_bytes=300
    ),
    "the filling of the last block": Case(lambda s: fill_up(s[LAST])),
    "torn header before the filling": Case(
        lambda s: fill_up(s[LAST], b"SLOF\1\0\0\0\7"), torn_bytes=9
    ),
    "a frame of another place before the filling": Case(
        lambda s: fill_up(s[LAST], s[0].read_bytes()[at(1) : at(2)]),
        lost_bytes=FRAME,
        counted=1,
        quarantine=1,
    ),
    "bad checksum before the filling": Case(
        lambda s: flip(fill_up(s[LAST]), at(3, FRAME_HEADER + 5)),
        {11},
        FRAME,
        quarantine=1,
    ),
    "the filling of a sealed segment": Case(lambda s: fill_up(s[1])),
    "bad checksum in the last record": Case(
        lambda s: flip(s[LAST], at(3, FRAME_HEADER + 5)), {11}, FRAME, quarantine=1
    ),
    "bad checksum in a middle record": Case(
        lambda s: flip(s[LAST], at(1, FRAME_HEADER + 5)), {9}, FRAME, quarantine=1
    ),
    "bad length in a middle record": Case(
        lambda s: flip(s[LAST], at(1, 9)), {9}, FRAME, quarantine=1
    ),
    "bad magic in the first record": Case(lambda s: flip(s[0], at(0)), {0}, FRAME, quarantine=1),
    "bad checksums in two neighbours": Case(
        lambda s: flip(s[1], at(1, 60), at(2, 60)), {5, 6}, 2 * FRAME, quarantine=1
    ),
    "bad checksums in two places": Case(
        lambda s: flip(s[1], at(0, 60), at(2, 60)), {4, 6}, 2 * FRAME, quarantine=2
    ),
    "bad checksum at the end of a sealed segment": Case(
        lambda s: flip(s[1], at(3, 60)), {7}, FRAME, quarantine=1
    ),
    "zeroed head": Case(lambda s: zero(s[1], 0, at(1)), {4}, FRAME, quarantine=1),
    "zeroed header alone": Case(lambda s: zero(s[1], 0, SEGMENT_HEADER)),
    "zeroed middle": Case(
        lambda s: zero(s[1], at(1, 30), at(2, 30)), {5, 6}, 2 * FRAME, quarantine=1
    ),
    "zeroed first segment": Case(
        lambda s: zero(s[0], 0, at(4)), {0, 1, 2, 3}, at(4), counted=1, quarantine=1
    ),
    "bytes inserted": Case(
        lambda s: s[LAST].write_bytes(
            s[LAST].read_bytes()[: at(2)] + b"!" + s[LAST].read_bytes()[at(2) :]
        ),
        # A frame knows its position, so those that moved are not trusted.
        {10, 11},
        2 * FRAME + 1,
        counted=1,
        quarantine=1,
    ),
    "truncated header of the last segment": Case(
        lambda s: cut(s[LAST], 30), {8, 9, 10, 11}, 30, counted=1, quarantine=1
    ),
    "truncated sealed segment": Case(
        lambda s: cut(s[1], at(2, 10)), {6, 7}, 2 * FRAME, quarantine=1
    ),
    "zero-byte last segment": Case(lambda s: cut(s[LAST], 0), {8, 9, 10, 11}, counted=0),
    "zero-byte sealed segment": Case(lambda s: cut(s[1], 0), {4, 5, 6, 7}, 4 * FRAME),
    "sealed segment deleted": Case(lambda s: s[1].unlink(), {4, 5, 6, 7}, 4 * FRAME),
    "oldest segment deleted": Case(lambda s: s[0].unlink(), {0, 1, 2, 3}, counted=0),
    "deleted index": Case(lambda s: s[1].with_suffix(".idx").unlink()),
    "deleted indexes": Case(delete_indexes),
    "index head flipped": Case(lambda s: flip(s[1].with_suffix(".idx"), 20)),
    "index body flipped": Case(lambda s: flip(s[1].with_suffix(".idx"), 70)),
    "index truncated": Case(lambda s: cut(s[1].with_suffix(".idx"), 70)),
    "zero-byte index": Case(lambda s: cut(s[1].with_suffix(".idx"), 0)),
    "index of another segment": Case(
        lambda s: (s[1].with_suffix(".idx")).write_bytes(s[0].with_suffix(".idx").read_bytes())
    ),
    "orphaned index": Case(
        lambda s: s[0].with_name(f"{7:020d}.idx").write_bytes(s[0].with_suffix(".idx").read_bytes())
    ),
    "identity deleted": Case(lambda s: (s[0].parent / "spool.id").unlink()),
    "identity flipped": Case(lambda s: flip(s[0].parent / "spool.id", 40)),
    "identity zero-byte": Case(lambda s: cut(s[0].parent / "spool.id", 0)),
    "unfinished file of a crash": Case(
        lambda s: s[0].with_name(f"{10**6:020d}.seg.tmp").write_bytes(b"half")
    ),
    "foreign files": Case(add_foreign_files),
    "foreign bytes under a segment's name": Case(
        lambda s: s[0].with_name(f"{10**15:020d}.seg").write_bytes(b"no frame" * 100),
        lost_bytes=800,
        counted=1,
        quarantine=1,
    ),
    "a number that is no position": Case(
        lambda s: s[0].with_name("9" * 20 + ".seg").write_bytes(b"no frame")
    ),
}


def fill(directory: Path) -> list[Path]:
    spool = open_spool(directory, segment_bytes=PER_SEGMENT * FRAME)
    for n in range(FRAMES):
        assert put(spool, payload_of([n, 500], bytes([n]) * FILLER), arrival_ns=n) == n * FRAME
    spool.close()
    segments = sorted(directory.glob("*.seg"))
    assert [path.stat().st_size for path in segments] == [at(PER_SEGMENT)] * SEGMENTS
    return segments


@pytest.mark.parametrize("indexed", [True, False], ids=["sealed", "killed"])
@pytest.mark.parametrize("name", CASES)
def test_all_frames_but_the_damaged_survive(tmp_path: Path, name: str, indexed: bool) -> None:
    """Alike whether damage is met by recovery (the process was killed) or by a later read."""
    case = CASES[name]
    segments = fill(tmp_path)
    case.damage(segments)
    if not indexed:
        segments[LAST].with_suffix(".idx").unlink(missing_ok=True)
    foreign = {path.name for path in tmp_path.iterdir()} & {"notes.txt", "folder"}
    for _ in range(2):
        spool = open_spool(tmp_path)
        assert spool.statistics.foreign_files >= len(foreign)
        survivors = [n for n in range(FRAMES) if n not in case.lost]
        for _ in range(2):
            frames = everything(spool)
            assert [trace_ids_of(frame.payload)[0] for frame in frames] == survivors
            assert [frame.position for frame in frames] == [n * FRAME for n in survivors]
        assert found_by_index(spool) == survivors
        assert spool.end >= (frames[-1].next_position if frames else 0)
        spool.close()
    assert len(list(tmp_path.glob("quarantine/*"))) == case.quarantine
    assert foreign <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", CASES)
def test_damage_is_counted_exactly(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    case.damage(fill(tmp_path))
    spool = open_spool(tmp_path)
    everything(spool)
    statistics = spool.statistics
    expected = len(case.lost) if case.counted is None else case.counted
    assert statistics.quarantined_frames == expected
    assert statistics.lost_bytes == case.lost_bytes
    assert statistics.torn_bytes == case.torn_bytes
    spool.close()


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_spool_accepts_on(tmp_path: Path, name: str) -> None:
    CASES[name].damage(fill(tmp_path))
    spool = open_spool(tmp_path)
    old = everything(spool)
    position = put(spool, payload_of([999]))
    spool.close()
    spool = open_spool(tmp_path)
    assert everything(spool)[:-1] == old
    assert everything(spool)[-1].position == position
    assert spool.frames_of([999], since_arrival_ns=0) == {999: [position]}
    spool.close()


def found_by_index(spool: Spool) -> list[int]:
    """Which frames the indexes lead to, once what they point at is looked into."""
    found = spool.frames_of([*range(FRAMES), 500], since_arrival_ns=0)
    by_trace = [n for n in range(FRAMES) if list(spool.read_at(found.get(n, [])))]
    together = [trace_ids_of(frame.payload)[0] for frame in spool.read_at(found.get(500, []))]
    assert by_trace == together
    return by_trace


def test_damaged_bytes_are_kept_as_they_were(tmp_path: Path) -> None:
    segments = fill(tmp_path)
    flip(segments[1], at(1, 60))
    damaged = segments[1].read_bytes()[at(1) : at(2)]
    spool = open_spool(tmp_path)
    everything(spool)
    spool.close()
    kept = tmp_path / "quarantine" / f"{5 * FRAME:020d}-{FRAME}.bin"
    assert kept.read_bytes() == damaged


def test_every_cut_of_the_last_segment_keeps_all_whole_frames(tmp_path: Path) -> None:
    data = fill(tmp_path)[LAST].read_bytes()
    last = tmp_path / f"{2 * PER_SEGMENT * FRAME:020d}.seg"
    for frame in range(PER_SEGMENT):
        for size in (at(frame) - 1, at(frame), at(frame) + 1, at(frame, FRAME_HEADER) + 1):
            last.write_bytes(data[:size])
            spool = open_spool(tmp_path)
            whole = max(0, (size - SEGMENT_HEADER) // FRAME)
            assert len(everything(spool)) == 2 * PER_SEGMENT + whole
            spool.close()


def test_a_sender_cannot_plant_a_frame_inside_a_payload(tmp_path: Path) -> None:
    """Recovery looks for frames among damaged bytes, which a sender may have chosen."""
    spool = open_spool(tmp_path / "attacker")
    put(spool, payload_of([1]))
    put(spool, payload_of([666]))
    spool.close()
    forged = (tmp_path / "attacker" / f"{0:020d}.seg").read_bytes()[SEGMENT_HEADER:]
    # The forged frames stand exactly where their position says, had they been written here.
    spool = open_spool(tmp_path / "victim")
    filler = forged[FRAME_HEADER + 17 :]
    first = put(spool, payload_of([2], filler))
    assert spool.read_at([first])
    spool.close()
    victim = tmp_path / "victim" / f"{0:020d}.seg"
    moved = bytearray(victim.read_bytes())
    assert moved[SEGMENT_HEADER + FRAME_HEADER + 17 :] == filler
    moved[SEGMENT_HEADER] ^= 1
    victim.write_bytes(moved)
    (tmp_path / "victim" / f"{0:020d}.idx").unlink()
    spool = open_spool(tmp_path / "victim")
    assert everything(spool) == []
    spool.close()


def test_a_segment_of_a_newer_version_stops_the_start(tmp_path: Path) -> None:
    segments = fill(tmp_path)
    data = bytearray(segments[0].read_bytes())
    struct.pack_into("<H", data, 8, 3)
    struct.pack_into("<I", data, 60, zlib.crc32(data[:60]))
    segments[0].write_bytes(data)
    with pytest.raises(StoreError, match="written by a newer version of the engine; start that"):
        open_spool(tmp_path, store_id=STORE)


@pytest.mark.parametrize("indexed", [True, False])
def test_frames_written_behind_a_failed_sync_do_not_come_twice(
    tmp_path: Path, indexed: bool
) -> None:
    """An abandoned file may have more on disk than was acknowledged; the next has it too."""
    segments = fill(tmp_path)
    overlapping = segments[0].read_bytes() + segments[1].read_bytes()[SEGMENT_HEADER : at(2)]
    segments[0].write_bytes(overlapping)
    if not indexed:
        segments[0].with_suffix(".idx").unlink()
    spool = open_spool(tmp_path)
    assert [frame.position for frame in everything(spool)] == [n * FRAME for n in range(FRAMES)]
    assert spool.statistics.quarantined_frames == 0
    assert found_by_index(spool) == list(range(FRAMES))
    spool.close()
