"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.definitions import parse_duration
from sloengine.definitions.duration import CalendarLength, parse_calendar_length

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("4s", 4 * SECOND),
        ("60m", 3600 * SECOND),
        ("28d", 28 * 86400 * SECOND),
        ("1w", 7 * 86400 * SECOND),
        ("1h30m", 5400 * SECOND),
        ("1.5s", 3 * SECOND // 2),
        ("500us", 500_000),
        ("500µs", 500_000),
        ("0.5ms", 500_000),
        ("1ns", 1),
        ("0s", 0),
        (" 4s ", 4 * SECOND),
    ],
)
def test_a_duration_is_a_whole_number_of_nanoseconds(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("4", "has no unit"),
        ("", "is not a duration"),
        ("s", "is not a duration"),
        ("-4s", "is not a duration"),
        ("4 s", "is not a duration"),
        ("4S", "is not a duration"),
        ("1d2x", "is not a duration"),
        ("1M", "has no fixed length"),
        ("1Q", "has no fixed length"),
        ("1Y", "has no fixed length"),
        ("0.5ns", "is finer than a nanosecond"),
        ("200000d", "is longer than a century"),
        ("9" * 400 + "s", "is not a duration"),
    ],
)
def test_anything_else_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_duration(text)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(hours: int, minutes: int, seconds: int) -> None:
    if hours > 800_000:
        hours //= 2
    expected = (hours * 3600 + minutes * 60 + seconds) * SECOND
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == expected


def test_months_quarters_and_years_are_calendar_lengths() -> None:
    assert parse_calendar_length("1M") == CalendarLength(1, "M")
    assert parse_calendar_length("2Q") == CalendarLength(2, "Q")
    assert parse_calendar_length("1Y") == CalendarLength(1, "Y")
    assert parse_calendar_length("4w") == CalendarLength(4, "w")


@pytest.mark.parametrize("text", ["0M", "M", "1s", "1.5M", "1M2d"])
def test_no_other_text_is_a_calendar_length(text: str) -> None:
    with pytest.raises(ValueError, match="is not a calendar length"):
        parse_calendar_length(text)
