"""Exact numbers as people read them: rounded to the worse side, so that none flatters.

SLI and budget left are rounded down, burn and bad shares up. Counts stay exact. A minus is a real
minus. Every function takes exact input; none goes through binary floating point.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from sloengine.slo import largest_remainder, round_down, round_up

MINUS = "−"
TIMES = "×"
NONE = "–"

NS_PER_SECOND = 10**9


class Worse(Enum):
    """The direction in which a number gets worse."""

    DOWN = "down"
    UP = "up"


def rounded(value: Fraction, digits: int, worse: Worse) -> Decimal:
    """Return `value` with `digits` decimals, rounded to its worse side."""
    return round_down(value, digits) if worse is Worse.DOWN else round_up(value, digits)


def count(number: int) -> str:
    """Return an integer with thousands commas: `184,210`."""
    return f"{number:,}".replace("-", MINUS)


def percent(share: Fraction, digits: int, worse: Worse) -> str:
    """Return a share as percent: `99.22%`."""
    return f"{rounded(share * 100, digits, worse):,f}%".replace("-", MINUS)


def signed_percent(share: Fraction, worse: Worse = Worse.DOWN) -> str:
    """Return a share as whole percent that always bears its sign: `+72%`, `−55%`; zero has none."""
    whole = rounded(share * 100, 0, worse)
    sign = "+" if whole > 0 else ""
    return f"{sign}{whole:,f}%".replace("-", MINUS)


def target_percent(target: Decimal) -> str:
    """Return a target as it was promised, exact, with one decimal at least: `99.95%`, `99.0%`."""
    return f"{target * 100:.{max(1, decimals(target * 100))}f}%"


def decimals(number: Decimal) -> int:
    """Return how many decimals a number needs, trailing zeros left out."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def sli_digits(target: Decimal) -> int:
    """Return how many decimals of percent tell an SLI from its target: one more than it has."""
    return max(2, 1 + decimals(target * 100))


def sli_percent(sli: Fraction, target: Decimal) -> str:
    """Return an SLI so that it never looks better than it is, nor equal to a target it misses."""
    return percent(sli, sli_digits(target), Worse.DOWN)


def burn(rate: Fraction | None) -> str:
    """Return a burn rate with one decimal: `0.7×`; a dash where the window holds no event."""
    return NONE if rate is None else f"{rounded(rate, 1, Worse.UP):,f}{TIMES}"


def events(number: Fraction) -> str:
    """Return a budget in whole events, rounded down: what may really be bad."""
    return count(number.numerator // number.denominator)


def duration(ns: int) -> str:
    """Return a length of time in its two greatest units: `3 d 4 h`, `12 min`, `31 s`."""
    seconds = ns // NS_PER_SECOND
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        whole, seconds = divmod(seconds, size)
        if whole:
            parts.append(f"{whole} {name}")
        if len(parts) == 2 or (parts and not whole):
            break
    return " ".join(parts) or "0 s"


def shares_of_whole(parts: Mapping[str, int], digits: int = 1) -> dict[str, str]:
    """Return the percentages of parts so that the printed ones sum to 100 (largest remainder).

    Empty or all-zero parts give zeros; ties go to the part that stands first.
    """
    split = largest_remainder(list(parts.values()), 10 ** (digits + 2))
    return {
        name: f"{Decimal(units).scaleb(-digits):f}%"
        for name, units in zip(parts, split, strict=True)
    }
