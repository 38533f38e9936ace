"""Rounding for people: always towards the worse side, and shares that add up.

Renderers round here and nowhere else; a rounded number is never compared or computed with.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from math import ceil, floor


def round_down(value: Fraction, digits: int) -> Decimal:
    """Return `value` with `digits` decimals, never above it: for an SLI and for what is left.

    A negative value becomes more negative: an overspent budget is not made to look better.
    """
    return _scaled(floor(value * 10**digits), digits)


def round_up(value: Fraction, digits: int) -> Decimal:
    """Return `value` with `digits` decimals, never below it: for burn rates and what is spent."""
    return _scaled(ceil(value * 10**digits), digits)


def percent_down(value: Fraction, digits: int) -> str:
    """Return a ratio as a percentage such as `99.95%`, rounded down."""
    return f"{round_down(value * 100, digits):f}%"


def percent_up(value: Fraction, digits: int) -> str:
    """Return a ratio as a percentage such as `0.06%`, rounded up."""
    return f"{round_up(value * 100, digits):f}%"


def largest_remainder(counts: Sequence[int], units: int) -> tuple[int, ...]:
    """Split `units` in proportion to `counts` so that the parts add up to exactly `units`.

    For shares in a table (`units` = 100 for whole percents, 1000 for tenths): each part is its
    exact share rounded down, and what is missing goes to the largest remainders, the first of
    equals. All zeros where the counts are. Raises ValueError for a negative count or unit.
    """
    if units < 0 or any(count < 0 for count in counts):
        raise ValueError(f"cannot split {units} units over {list(counts)}")
    total = sum(counts)
    if not total:
        return (0,) * len(counts)
    parts = [count * units // total for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda i: (-(counts[i] * units % total), i))
    for index in by_remainder[: units - sum(parts)]:
        parts[index] += 1
    return tuple(parts)


def _scaled(units: int, digits: int) -> Decimal:
    with localcontext() as context:
        context.prec = max(28, len(str(abs(units))) + 1)
        return Decimal(units).scaleb(-digits)
