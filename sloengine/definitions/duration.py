"""Durations as people write them: `4s`, `60m`, `28d`, `1h30m`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
    "w": 7 * 86400 * 10**9,
}
PATTERN = r"(\d{1,12}(?:\.\d{1,12})?)(ns|us|µs|ms|s|m|h|d|w)"
"""One part of a duration: a number and a unit."""
_PART = re.compile(PATTERN)
CALENDAR_PATTERN = r"(\d{1,4})([mhdwMQY])"
_CALENDAR = re.compile(CALENDAR_PATTERN)
_LONGEST_NS = 100 * 366 * 86400 * 10**9
_CURE = "write a number and a unit, like 4s, 1h30m or 28d"


def parse_duration(text: str) -> int:
    """Return the nanoseconds of a duration of fixed length.

    Units are ns, us, ms, s, m, h, d (24 hours) and w (7 days); parts add up, as in Go. OpenSLO's
    M, Q and Y have no fixed length and are refused.

    Raises:
        ValueError: the text is no such duration; the message says what to write.
    """
    text = text.strip()
    if re.fullmatch(r"\d+[MQY]", text):
        raise ValueError(
            f'"{text}" has no fixed length: months, quarters and years belong to a calendar '
            "window; write days or weeks, like 28d"
        )
    if re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError(f'"{text}" has no unit; {_CURE}')
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f'"{text}" is not a duration; {_CURE}')
    total = sum((Fraction(number) * _NANOSECONDS[unit] for number, unit in parts), Fraction(0))
    if total.denominator != 1:
        raise ValueError(f'"{text}" is finer than a nanosecond; {_CURE}')
    if total > _LONGEST_NS:
        raise ValueError(f'"{text}" is longer than a century; {_CURE}')
    return int(total)


@dataclass(frozen=True, slots=True)
class CalendarLength:
    """A length in calendar units: `count` times `unit`, one of m h d w M Q Y."""

    count: int
    unit: str


def parse_calendar_length(text: str) -> CalendarLength:
    """Return the length of a calendar window, such as `1M` or `2w`.

    Raises:
        ValueError: the text is no such length; the message says what to write.
    """
    match = _CALENDAR.fullmatch(text.strip())
    if not match or int(match.group(1)) == 0:
        raise ValueError(
            f'"{text}" is not a calendar length; write a number and one of m h d w M Q Y, like 1M'
        )
    return CalendarLength(int(match.group(1)), match.group(2))
