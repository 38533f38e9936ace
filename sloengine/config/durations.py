"""Durations as Collector users write them."""

from __future__ import annotations

import re
from decimal import Decimal

_UNIT_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")


def parse_duration_ns(value: object) -> int:
    """Read `10s`, `1h30m` or `200ms` (Go's units, and `d` for 24 h) into nanoseconds.

    Raises:
        ValueError: a number without unit, a negative or unreadable duration.
    """
    if isinstance(value, str):
        parts = _PART.findall(value)
        if parts and "".join(number + unit for number, unit in parts) == value:
            return int(sum(Decimal(number) * _UNIT_NS[unit] for number, unit in parts))
    raise ValueError(
        f"{value!r} is not a duration; write a number with a unit, such as 10s or 1h30m"
    )


def duration_text(duration_ns: int) -> str:
    """Write a duration in the largest unit that divides it: `90s`, `2m`, `35d`."""
    for unit, size in reversed(_UNIT_NS.items()):
        if duration_ns and duration_ns % size == 0:
            return f"{duration_ns // size}{unit}"
    return "0s"
