"""Bounds of the spool, and what may be set."""

from __future__ import annotations

from dataclasses import dataclass

SEGMENT_BYTES = 64 * 1024 * 1024
DISK_BUDGET = 20 * 1024**3
GROUP_BYTES = 1024 * 1024
"""A group commit does not wait for more once this much is gathered."""
COMPRESS_FROM = 1024 * 1024
"""Smaller segments are not worth another file."""
COMPRESS_ABOVE = 0.25
"""Room is worth CPU where it is scarce; at lower rates the horizon ends before the budget does."""
UNSYNCED_LIMIT = 128 * 1024 * 1024
"""Memory for frames that are not durable yet; above it, senders must come back."""


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """See `Spool.open`."""

    disk_budget: int
    sync_interval_s: float
    horizon_ns: int | None
    probe_interval_s: float
