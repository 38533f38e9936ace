"""Functions on times and durations. Calendar parts are in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from sloengine.ottl.functions.getters import DURATION, INT, STRING, TIME, checked
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.registry import Function, Parameter
from sloengine.ottl.values import INT_MAX, INT_MIN, Duration, Instant, wrap_int

_SECOND = 10**9
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
# The engine's own grammar of durations, linear in the text.
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]+)", re.ASCII)


@lru_cache(maxsize=256)
def _duration(text: str) -> Duration:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if digits == "0":
        return Duration(0)
    total, position = 0, 0
    while found := _PART.match(digits, position):
        number, unit = found.groups()
        if unit not in _UNITS:
            raise EvaluationError(f'"{unit}" is no unit of time; use h, m, s, ms, us or ns')
        if len(number) > 40:
            raise EvaluationError(f'"{text}" has too many digits')
        total += int(Decimal(number) * _UNITS[unit])
        position = found.end()
    if position == 0 or position != len(digits):
        raise EvaluationError(f'"{text}" is no duration; write numbers with units, as in "1m30s"')
    if not INT_MIN <= sign * total <= INT_MAX:
        raise EvaluationError(f"{text} does not fit into 64 bits of nanoseconds")
    return Duration(sign * total)


def _truncated(unit: int) -> Callable[[Duration], int]:
    def convert(duration: Duration) -> int:
        whole = abs(duration.ns) // unit
        return -whole if duration.ns < 0 else whole

    return convert


def _fractional(unit: int) -> Callable[[Duration], float]:
    def convert(duration: Duration) -> float:
        whole, rest = divmod(abs(duration.ns), unit)
        number = whole + rest / unit
        return -number if duration.ns < 0 else float(number)

    return convert


def _unix(seconds: int, nanoseconds: int | None) -> Instant:
    return Instant(seconds * _SECOND + (nanoseconds or 0))


def _since_epoch(unit: int) -> Callable[[Instant], int]:
    def convert(time: Instant) -> int:
        return wrap_int(time.ns // unit)

    return convert


def _part(part: Callable[[datetime], int]) -> Callable[[Instant], int]:
    def convert(time: Instant) -> int:
        try:
            return part(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time.ns // _SECOND))
        except OverflowError as exc:
            raise EvaluationError("the time lies outside the years 1 to 9999") from exc

    return convert


def _nanosecond(time: Instant) -> int:
    return time.ns % _SECOND


_LENGTH = (Parameter("duration", DURATION),)
_TIME = (Parameter("time", TIME),)

FUNCTIONS = (
    Function(
        "Duration",
        (Parameter("duration", checked(STRING, _duration)),),
        _duration,
        'A duration from text such as "4s" or "1h30m"; an error for anything else.',
    ),
    Function("Nanoseconds", _LENGTH, _truncated(1), "A duration as an int of nanoseconds."),
    Function("Microseconds", _LENGTH, _truncated(10**3), "A duration in whole microseconds."),
    Function("Milliseconds", _LENGTH, _truncated(10**6), "A duration in whole milliseconds."),
    Function("Seconds", _LENGTH, _fractional(_SECOND), "A duration as a double of seconds."),
    Function("Minutes", _LENGTH, _fractional(60 * _SECOND), "A duration as a double of minutes."),
    Function("Hours", _LENGTH, _fractional(3600 * _SECOND), "A duration as a double of hours."),
    Function(
        "Unix",
        (Parameter("seconds", INT), Parameter("nanoseconds", INT, optional=True)),
        _unix,
        "The time so many seconds after the Unix epoch.",
    ),
    Function("UnixNano", _TIME, _since_epoch(1), "A time as nanoseconds since the Unix epoch."),
    Function("UnixMicro", _TIME, _since_epoch(10**3), "A time as whole microseconds since then."),
    Function("UnixMilli", _TIME, _since_epoch(10**6), "A time as whole milliseconds since then."),
    Function("UnixSeconds", _TIME, _since_epoch(_SECOND), "A time as whole seconds since then."),
    Function("Year", _TIME, _part(lambda day: day.year), "The year of a time."),
    Function("Month", _TIME, _part(lambda day: day.month), "The month of a time, 1 to 12."),
    Function("Day", _TIME, _part(lambda day: day.day), "The day of the month of a time."),
    Function(
        "Weekday",
        _TIME,
        _part(lambda day: day.isoweekday() % 7),
        "The day of the week of a time, 0 (Sunday) to 6.",
    ),
    Function("Hour", _TIME, _part(lambda day: day.hour), "The hour of a time."),
    Function("Minute", _TIME, _part(lambda day: day.minute), "The minute of a time."),
    Function("Second", _TIME, _part(lambda day: day.second), "The second of a time."),
    Function("Nanosecond", _TIME, _nanosecond, "The nanoseconds of a time beyond its second."),
)
