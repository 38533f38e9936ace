"""`SpoolStatistics`: what a spool says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpoolStatistics:
    """The spool at an instant. Damage is counted since it was opened."""

    bytes: int
    segments: int
    start: int
    durable_end: int
    end: int
    committed: int
    syncs: int
    """Group commits that succeeded."""
    quarantined_frames: int
    """Frames that cannot be read any more."""
    lost_bytes: int
    """Bytes of frames that cannot be read any more."""
    torn_bytes: int
    """Bytes of unfinished writes, never acknowledged, cut off at the start."""
    foreign_files: int
    stopped: str | None
    """Why nothing is accepted now; `None` while all is well."""
