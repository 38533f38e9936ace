"""Instants and windows as people read them, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sloengine.report.clean import one_line

_WINDOW = re.compile(r"(\d{1,6})([wdhms])")
_UNITS = {"w": "week", "d": "day", "h": "hour", "m": "minute", "s": "second"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_NS = 86_400 * 10**9
_MINUTE_NS = 60 * 10**9


def moment(ns: int) -> datetime:
    """Return an instant with microseconds; what is finer is cut off."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def rfc3339(ns: int) -> str:
    """Return an instant as RFC 3339 in UTC with all its digits: `2026-11-23T00:00:00Z`."""
    second, rest = divmod(ns, 10**9)
    text = (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"


def day_and_time(ns: int, *, year: bool = False) -> str:
    """Return `23 Nov 00:00`, or with the year `23 Nov 2026 00:00`."""
    at = moment(ns)
    return f"{at.day} {at:%b %Y %H:%M}" if year else f"{at.day} {at:%b %H:%M}"


def as_of(ns: int, *, year: bool = False) -> str:
    """Return an instant to the minute, and with its seconds where it has some."""
    text = day_and_time(ns, year=year)
    return f"{text}:{moment(ns):%S}" if ns % _MINUTE_NS else text


def step_label(start_ns: int, step_ns: int) -> str:
    """Return how a chart names one of its steps: the day of the month, or the time of day."""
    at = moment(start_ns)
    return str(at.day) if step_ns >= DAY_NS else f"{at:%H:%M}"


def span_of(start_ns: int, end_ns: int) -> str:
    """Return `[start, end)`: whole days by their first and last day, others to the minute."""
    if start_ns % DAY_NS == 0 and end_ns % DAY_NS == 0 and end_ns > start_ns:
        first, last = moment(start_ns), moment(end_ns - DAY_NS)
        begin = f"{first.day} {first:%b}"
        if first.year != last.year:
            begin += f" {first.year}"
        end = f"{last.day} {last:%b %Y}"
        return end if first.date() == last.date() else f"{begin} – {end}"
    return f"{day_and_time(start_ns)} – {day_and_time(end_ns, year=True)}"


def window_in_words(window: str) -> str:
    """Return a window as it was written (`28d`, `90m`) in words; what is not so short, as it is."""
    found = _WINDOW.fullmatch(window.strip())
    if found is None:
        return one_line(window)
    number, unit = int(found[1]), _UNITS[found[2]]
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def length_of(window_ns: int) -> str:
    """Return the length of a chart's step in words: `6 hours`, `90 minutes`."""
    for name, size in (("day", DAY_NS), ("hour", 3600 * 10**9), ("minute", _MINUTE_NS)):
        if window_ns >= size and window_ns % size == 0:
            number = window_ns // size
            return f"{number} {name}" if number == 1 else f"{number} {name}s"
    return f"{window_ns / 10**9:g} seconds"
