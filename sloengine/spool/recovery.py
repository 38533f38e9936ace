"""What an opening spool makes of the files it finds. docs/format/spool.md states the rules."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from sloengine.spool.compression import log_length, opened
from sloengine.spool.filesystem import BLOCK, FileSystem
from sloengine.spool.folder import (
    IDENTITY_NAME,
    LOCK_NAME,
    QUARANTINE_NAME,
    Identity,
    read_segment_header,
)
from sloengine.spool.frame import Damage, Source, walk
from sloengine.spool.index import read_index_header
from sloengine.spool.quarantine import Quarantine
from sloengine.spool.segment import (
    COMPRESSED_VERSION,
    SEGMENT_HEADER,
    Segment,
    SegmentHeader,
    base_of,
    segment_path,
)

_log = logging.getLogger(__name__)
_UNFINISHED = re.compile(r"(\d{20}\.(seg|idx)|spool\.id)\.tmp")
_INDEX = re.compile(r"(\d{20})\.idx")


@dataclass(frozen=True, slots=True)
class Recovered:
    """The log as it stands. No segment of it is ever written to again."""

    segments: list[Segment]
    """In ascending order; they do not overlap."""
    foreign_files: int


@dataclass(frozen=True, slots=True)
class _Scanned:
    segment: Segment
    tail: Damage | None
    """Damage that runs to the end of the segment."""


def recover(
    files: FileSystem, directory: Path, identity: Identity, quarantine: Quarantine
) -> Recovered:
    """Find every intact frame; cut torn tails, count and keep all other damage.

    Only segments without a matching index file are read whole: an index is written once its segment
    is sealed. Damage inside the others is found, and treated alike, when they are read.

    Raises:
        OSError: The disk could not be read. Nothing is cut on the strength of a failed read.
    """
    bases, foreign = _sort_out(files, directory)
    scanned: list[_Scanned] = []
    for number, base in enumerate(bases):
        following = bases[number + 1] if number + 1 < len(bases) else None
        path = segment_path(directory, base)
        known = _from_index(files, path, base, following, identity)
        found = known or _scan(files, path, base, following, identity, quarantine)
        if found is not None:
            scanned.append(found)
    _account(files, scanned, quarantine)
    files.sync_directory(directory)
    return Recovered([found.segment for found in scanned], len(foreign))


def _sort_out(files: FileSystem, directory: Path) -> tuple[list[int], list[str]]:
    """Return the segments' bases and the names of foreign files; remove what a crash left."""
    bases: list[int] = []
    foreign: list[str] = []
    names = files.list_directory(directory)
    for name in names:
        base = base_of(name)
        if base is not None:
            bases.append(base)
        elif _UNFINISHED.fullmatch(name):
            files.remove(directory / name)
        elif match := _INDEX.fullmatch(name):
            if f"{match[1]}.seg" not in names:
                files.remove(directory / name)
        elif name not in {LOCK_NAME, IDENTITY_NAME, QUARANTINE_NAME}:
            foreign.append(name)
    if foreign:
        _log.warning(
            "spool folder %s holds files that are not the spool's (left alone): %s",
            directory,
            ", ".join(foreign[:10]),
        )
    return bases, foreign


def _from_index(
    files: FileSystem, path: Path, base: int, following: int | None, identity: Identity
) -> _Scanned | None:
    """Describe a sealed segment by its index; `None` where that is missing or does not match."""
    index = read_index_header(files, path.with_suffix(".idx"))
    if index is None or index.fingerprint != identity.hasher.fingerprint or index.base != base:
        return None
    header = read_segment_header(files, path)
    length = log_length(files, path, header)
    if length is None:
        return None
    end = base + length
    if following is not None:
        end = min(end, following)
    if header is None or end != base + index.length or index.length == 0:
        return None
    segment = Segment(
        path,
        base,
        end,
        header.first_sequence,
        index.next_sequence,
        index.last_arrival_ns,
        index_bytes=files.size(path.with_suffix(".idx")),
        compressed_bytes=_compressed_bytes(files, path, header),
    )
    return _Scanned(segment, None)


def _scan(
    files: FileSystem,
    path: Path,
    base: int,
    following: int | None,
    identity: Identity,
    quarantine: Quarantine,
) -> _Scanned | None:
    """Read a segment whole. `None` where it holds nothing and is gone from the log."""
    size = files.size(path)
    header = read_segment_header(files, path)
    if size == 0 or (header is not None and size <= SEGMENT_HEADER):
        _log.warning("spool: removed %s, which holds no frame", path)
        files.remove(path)
        return None
    length = log_length(files, path, header)
    if length is None:
        quarantine.move(path)
        return None
    stop = base + length
    if following is not None:
        # A segment whose last write failed may have more on disk than was ever acknowledged; the
        # same frames stand in the segment that follows.
        stop = min(stop, following)
    sequence = header.first_sequence if header else None
    compressed_bytes = _compressed_bytes(files, path, header)
    segment = Segment(
        path,
        base,
        stop,
        sequence or 0,
        sequence or 0,
        0,
        compressed_bytes=compressed_bytes,
    )
    first = True
    tail: Damage | None = None
    damages: list[Damage] = []
    filling = 0
    with opened(files, path, base) as source:
        for item in walk(source, base, stop, seed=identity.seed, sequence=sequence):
            if isinstance(item, Damage):
                damages.append(item)
                continue
            if first and header is None:
                segment.first_sequence = item.sequence - len(damages)
            first = False
            segment.next_sequence = item.sequence + 1
            segment.last_arrival_ns = max(segment.last_arrival_ns, item.arrival_ns)
        if first and header is None:
            quarantine.move(path)
            return None
        if header is None:
            _log.error("spool: %s: the segment's header is damaged; its frames are read", path)
        if damages and damages[-1].frames is None:
            tail = damages.pop()
            if following is None and compressed_bytes is None and size % BLOCK == 0:
                filling = _filling(source, tail)
        for damage in damages:
            quarantine.keep(path, damage, source)
    # A compressed segment was whole when it was written: whatever is missing in it is damage.
    if tail is None or following is not None or compressed_bytes is not None:
        return _Scanned(segment, tail)
    if not tail.torn:
        if filling:
            tail = replace(tail, length=tail.length - filling)
            segment.end -= filling
            files.truncate(path, SEGMENT_HEADER + segment.end - base)
        return _Scanned(segment, tail)
    if tail.length > filling:
        quarantine.torn(path, tail.length - filling)
    if tail.position == base:
        files.remove(path)
        return None
    files.truncate(path, SEGMENT_HEADER + tail.position - base)
    segment.end = tail.position
    return _Scanned(segment, None)


def _filling(source: Source, tail: Damage) -> int:
    """Count the zeros that may fill the last block of a segment that grew until the end."""
    last = min(tail.length, BLOCK - 1)
    data = source(tail.position + tail.length - last, last)
    return len(data) - len(data.rstrip(b"\0"))


def _compressed_bytes(files: FileSystem, path: Path, header: SegmentHeader | None) -> int | None:
    if header is None or header.version != COMPRESSED_VERSION:
        return None
    return files.size(path)


def _account(files: FileSystem, scanned: list[_Scanned], quarantine: Quarantine) -> None:
    """Count what is missing at the ends of segments; the following one knows how many frames."""
    for found, following in pairwise([*scanned, None]):
        if found is None:
            continue
        segment, tail = found.segment, found.tail
        if tail is not None:
            expected = segment.next_sequence
            segment.next_sequence = expected + 1
            if following is not None and following.segment.base == segment.end:
                segment.next_sequence = max(expected + 1, following.segment.first_sequence)
            lost = segment.next_sequence - expected
            damage = Damage(tail.position, tail.length, lost, torn=False)
            with opened(files, segment.path, segment.base) as source:
                quarantine.keep(segment.path, damage, source)
        if following is not None and segment.end < following.segment.base:
            missing = following.segment.base - segment.end
            frames = max(1, following.segment.first_sequence - segment.next_sequence)
            quarantine.gap(segment.end, missing, frames)
