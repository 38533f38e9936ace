"""Round numbers for a first guess: how slow is too slow, and how many must be good."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from sloengine.slo import allowed_bad_ratio

TARGETS = tuple(
    Decimal(percent) / 100
    for percent in ("99.9", "99.5", "99", "98", "95", "90", "80", "70", "60", "50", "20")
)
"""From the strictest to the loosest."""
ROOM = Fraction(5, 4)
"""A limit leaves this much room above the 99th percentile,"""
MOST_TIMES_MEDIAN = 10
NOTICED_NS = 10**9
"""and is at most so many times the median, or a second where that is more: a tail that customers
notice must not set its own limit (a second is where a person's thought is interrupted: Nielsen,
Usability Engineering, 1993)."""
MOST_USED = Fraction(3, 4)
"""A target is proposed only where at most this share of its budget would have been used."""
_ROUND = tuple(Fraction(tenths, 10) for tenths in (10, 15, 20, 25, 30, 40, 50, 60, 80, 100))
_FINEST_NS = 10_000


def percentile(ascending: Sequence[int], percent: int) -> int:
    """Return the nearest-rank percentile: the least value that `percent` of all do not exceed."""
    if not ascending:
        raise ValueError("nothing has no percentile")
    rank = -(-len(ascending) * percent // 100)
    return ascending[max(0, rank - 1)]


def round_limit(p50_ns: int, p99_ns: int) -> int:
    """Return the next round duration above what is usual, in nanoseconds."""
    most_ns = max(p50_ns * MOST_TIMES_MEDIAN, NOTICED_NS)
    wanted = max(Fraction(0), min(p99_ns * ROOM, Fraction(most_ns)))
    unit = _FINEST_NS
    while unit * 10 < wanted:
        unit *= 10
    return next(int(unit * factor) for factor in _ROUND if unit * factor >= wanted)


def round_target(good: int, total: int) -> Decimal:
    """Return the strictest round target with which the budget would not have been tight.

    At least one event may be bad, so few events promise little. The loosest target where none
    fits.
    """
    for target in TARGETS:
        allowed = allowed_bad_ratio(target) * total
        if allowed >= 1 and total - good <= MOST_USED * allowed:
            return target
    return TARGETS[-1]


def duration_text(ns: int) -> str:
    """Return a duration as definitions write it, in its largest unit: `1.5s`, `250ms`."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if ns >= size:
            value = Decimal(ns) / size
            return f"{value.normalize():f}{unit}"
    return f"{ns}ns"
