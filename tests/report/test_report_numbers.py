"""Numbers for people are rounded to the worse side and never flatter."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine.report import numbers
from sloengine.report.numbers import Worse

COUNTS = st.integers(min_value=1, max_value=10**12)


def read(text: str) -> Fraction:
    return Fraction(re.sub(r"[,%+×]", "", text).replace("−", "-"))


@given(COUNTS, COUNTS, st.sampled_from(["0.5", "0.99", "0.995", "0.9999", "0.99999"]))
def test_a_printed_sli_is_never_better_than_the_real_one(a: int, b: int, target: str) -> None:
    good, total = min(a, b), max(a, b)
    sli = Fraction(good, total)
    printed = read(numbers.sli_percent(sli, Decimal(target))) / 100
    assert printed <= sli
    # A missed target still looks missed.
    assert (printed >= Fraction(target)) == (sli >= Fraction(target))


@given(st.fractions(min_value=-100, max_value=1))
def test_budget_left_is_rounded_down_also_below_zero(left: Fraction) -> None:
    printed = read(numbers.signed_percent(left)) / 100
    assert left - Fraction(1, 100) < printed <= left


@given(st.fractions(min_value=0, max_value=1000))
def test_a_burn_rate_is_rounded_up(rate: Fraction) -> None:
    printed = read(numbers.burn(rate))
    assert rate <= printed < rate + Fraction(1, 10)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 10**9), min_size=1, max_size=9))
def test_printed_shares_sum_to_the_whole(parts: dict[str, int]) -> None:
    shares = numbers.shares_of_whole(parts)
    assert list(shares) == list(parts)
    whole = 100 if sum(parts.values()) else 0
    assert sum(read(share) for share in shares.values()) == whole


@pytest.mark.parametrize(
    ("target", "printed"),
    [("0.995", "99.5%"), ("0.99", "99.0%"), ("0.9", "90.0%"), ("0.99950", "99.95%")],
)
def test_a_target_is_printed_as_it_was_promised(target: str, printed: str) -> None:
    assert numbers.target_percent(Decimal(target)) == printed


@pytest.mark.parametrize(
    ("ns", "printed"),
    [
        (0, "0 s"),
        (59 * 10**9, "59 s"),
        (3_600 * 10**9, "1 h"),
        (90 * 60 * 10**9, "1 h 30 min"),
        ((86_400 + 30) * 10**9, "1 d"),
        ((3 * 86_400 + 4 * 3_600 + 59) * 10**9, "3 d 4 h"),
    ],
)
def test_a_duration_has_at_most_two_units(ns: int, printed: str) -> None:
    assert numbers.duration(ns) == printed


def test_counts_have_commas_and_a_real_minus() -> None:
    assert numbers.count(184_210) == "184,210"
    assert numbers.count(-1_427) == "−1,427"
    assert numbers.percent(Fraction(-1), 1, Worse.DOWN) == "−100.0%"
