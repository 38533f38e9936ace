"""The alert pairs of the SRE workbook, with the figures of its fifth chapter recomputed exactly."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from sloengine.slo import (
    BURN_WINDOWS,
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    PACE_WINDOW,
    WORKBOOK_PAIRS,
    BurnPair,
    budget_share,
    highest_burn_rate,
)

TARGET = Decimal("0.999")
MONTH_NS = 30 * DAY_NS


def test_factors_over_thirty_days_are_those_of_the_chapter() -> None:
    factors = [pair.factor(MONTH_NS) for pair in WORKBOOK_PAIRS]
    assert factors == [Fraction(144, 10), 6, 3, 1]
    assert [pair.in_table for pair in WORKBOOK_PAIRS] == [True, True, False, True]


def test_the_short_window_is_a_twelfth_of_the_long_one() -> None:
    assert all(pair.long_ns == 12 * pair.short_ns for pair in WORKBOOK_PAIRS)


@pytest.mark.parametrize(
    ("days", "factor"), [(7, "3.36"), (28, "13.44"), (30, "14.4"), (90, "43.2")]
)
def test_two_percent_in_an_hour_is_another_factor_for_another_period(
    days: int, factor: str
) -> None:
    assert WORKBOOK_PAIRS[0].factor(days * DAY_NS) == Fraction(factor)


@pytest.mark.parametrize("pair", WORKBOOK_PAIRS)
@pytest.mark.parametrize("days", [7, 28, 30, 90])
def test_burning_at_the_factor_uses_the_share_in_the_long_window(pair: BurnPair, days: int) -> None:
    window_ns = days * DAY_NS
    assert budget_share(pair.factor(window_ns), pair.long_ns, window_ns) == pair.budget_share


def test_a_page_at_ninety_percent_can_never_fire() -> None:
    assert WORKBOOK_PAIRS[0].factor(MONTH_NS) > highest_burn_rate(Decimal("0.9"))


def _crossing_ns(error_ratio: Fraction, window_ns: int, factor: Fraction) -> Fraction:
    """How long errors must last, at even traffic, until a window burns at `factor`."""
    return factor * (1 - Fraction(TARGET)) / error_ratio * window_ns


def test_fifteen_percent_errors_for_ten_minutes() -> None:
    """The long window crosses at 5.76 min, the short at 0.48 and clears 4.52 min after the end;
    the long one alone would clear 54.24 min after it.
    """
    page = WORKBOOK_PAIRS[0]
    factor = page.factor(MONTH_NS)
    error_ratio = Fraction(15, 100)
    long_ns = _crossing_ns(error_ratio, page.long_ns, factor)
    short_ns = _crossing_ns(error_ratio, page.short_ns, factor)
    assert long_ns == Fraction("5.76") * MINUTE_NS
    assert short_ns == Fraction("0.48") * MINUTE_NS
    assert page.short_ns - short_ns == Fraction("4.52") * MINUTE_NS
    assert page.long_ns - long_ns == Fraction("54.24") * MINUTE_NS


def test_a_full_outage_pages_after_fifty_two_seconds() -> None:
    page = WORKBOOK_PAIRS[0]
    seen_ns = _crossing_ns(Fraction(1), page.long_ns, page.factor(MONTH_NS))
    assert seen_ns == Fraction("51.84") * 10**9


def test_burn_windows_are_ascending_and_hold_the_pace_window() -> None:
    lengths = [length_ns for _, length_ns in BURN_WINDOWS]
    assert lengths == sorted(lengths)
    assert dict(BURN_WINDOWS)[PACE_WINDOW] == HOUR_NS
    assert [name for name, _ in BURN_WINDOWS] == ["5m", "30m", "1h", "6h", "1d", "3d"]


def test_every_pair_of_the_table_has_its_windows_among_the_burn_windows() -> None:
    lengths = {length_ns for _, length_ns in BURN_WINDOWS}
    for pair in WORKBOOK_PAIRS:
        if pair.in_table:
            assert {pair.long_ns, pair.short_ns} <= lengths
