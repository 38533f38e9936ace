"""Rounding never flatters, and shares add up."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine.slo import largest_remainder, percent_down, percent_up, round_down, round_up

ratios = st.fractions(min_value=-(10**12), max_value=10**12)
digits = st.integers(0, 12)


def test_four_bad_of_ten_million_are_not_rounded_to_perfect() -> None:
    assert percent_down(Fraction(10**7 - 4, 10**7), 2) == "99.99%"
    assert percent_up(Fraction(4, 10**7), 2) == "0.01%"


def test_an_overspent_budget_is_not_made_to_look_better() -> None:
    assert round_down(Fraction(-11, 59), 3) == Decimal("-0.187")


def test_decimals_are_kept_and_never_written_with_an_exponent() -> None:
    assert percent_down(Fraction(1), 2) == "100.00%"
    assert percent_down(Fraction(0), 3) == "0.000%"
    assert percent_up(Fraction(1, 10**12), 10) == "0.0000000001%"


@given(ratios, digits)
def test_a_rounded_number_is_on_the_worse_side_and_near(value: Fraction, places: int) -> None:
    down, up = Fraction(round_down(value, places)), Fraction(round_up(value, places))
    assert down <= value <= up
    assert up - down in (0, Fraction(1, 10**places))


@given(ratios, digits)
def test_text_reads_back_as_the_rounded_number(value: Fraction, places: int) -> None:
    assert Fraction(percent_down(value, places).rstrip("%")) == Fraction(
        round_down(value * 100, places)
    )


def test_thirds_add_up_to_a_hundred_percent() -> None:
    assert largest_remainder([1, 1, 1], 100) == (34, 33, 33)
    assert largest_remainder([0, 0], 100) == (0, 0)
    assert largest_remainder([], 100) == ()


@given(st.lists(st.integers(0, 10**6), max_size=20), st.integers(0, 10_000))
def test_parts_sum_to_the_units_and_stay_within_one_of_their_share(
    counts: list[int], units: int
) -> None:
    parts = largest_remainder(counts, units)
    total = sum(counts)
    assert sum(parts) == (units if total else 0)
    for count, part in zip(counts, parts, strict=True):
        share = Fraction(count * units, total) if total else Fraction(0)
        assert -1 < part - share < 1


@pytest.mark.parametrize(("counts", "units"), [([-1, 2], 100), ([1], -1)])
def test_negative_counts_are_refused(counts: list[int], units: int) -> None:
    with pytest.raises(ValueError, match="split"):
        largest_remainder(counts, units)
