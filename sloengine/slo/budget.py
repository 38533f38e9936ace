"""Indicator, error budget, burn rate and verdict from two integers and a target.

Nothing here rounds. Counts are `int`, targets are `Decimal` as a person wrote them, everything
derived is a `Fraction`; "no events" is `None` or a state of its own, never a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction


class State(StrEnum):
    """A verdict on an objective. No data is a state, never a number."""

    MET = "met"
    MISSED = "missed"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """What may go wrong, what did, and what is left, for one window that holds events."""

    total: Fraction
    """Events that may be bad: (1 − target) × total events."""
    used: int
    """Events that were bad."""
    remaining: Fraction
    """Share of the budget that is left: 1 untouched, 0 spent, negative overspent; unclamped."""

    @property
    def used_share(self) -> Fraction:
        """Share of the budget that is spent; above 1 where it is overspent."""
        return 1 - self.remaining


def sli(good: int, total: int) -> Fraction | None:
    """Return good ÷ total, or `None` where nothing happened.

    Sum good and total over the whole window first: a mean of ratios is wrong wherever traffic is
    uneven. Raises ValueError unless 0 ≤ good ≤ total.
    """
    _check_counts(good, total)
    return Fraction(good, total) if total else None


def error_budget(good: int, total: int, target: Decimal) -> ErrorBudget | None:
    """Return the budget of a window by the Occurrences method; `None` where nothing happened.

    Raises ValueError for impossible counts and for a target outside (0, 1).
    """
    allowed_ratio = allowed_bad_ratio(target)
    _check_counts(good, total)
    if not total:
        return None
    allowed = allowed_ratio * total
    used = total - good
    return ErrorBudget(total=allowed, used=used, remaining=1 - used / allowed)


def burn_rate(good: int, total: int, target: Decimal) -> Fraction | None:
    """Return how fast the budget burns: 1 uses it up exactly in the SLO's window.

    The share of bad events over the share that may be bad (Google SRE workbook, chapter 5). `None`
    where the window holds no event: an idle spell neither burns nor saves.
    """
    allowed_ratio = allowed_bad_ratio(target)
    _check_counts(good, total)
    return Fraction(total - good, total) / allowed_ratio if total else None


def highest_burn_rate(target: Decimal) -> Fraction:
    """Return the burn rate of a full outage; an alert on more than this can never fire."""
    return 1 / allowed_bad_ratio(target)


def burns_faster(good: int, total: int, target: Decimal, factor: Fraction) -> bool:
    """Tell whether the burn rate is greater than `factor`; exactly equal is not greater.

    A window without events burns nothing.
    """
    rate = burn_rate(good, total, target)
    return rate is not None and rate > factor


def state(good: int, total: int, target: Decimal) -> State:
    """Return the verdict: met where good ÷ total ≥ target, compared as fractions."""
    ratio = sli(good, total)
    if ratio is None:
        return State.NO_DATA
    return State.MET if ratio >= _checked_target(target) else State.MISSED


def time_to_exhaustion(remaining: Fraction, rate: Fraction | None, window_ns: int) -> int | None:
    """Return after how long what is left of the budget is gone, if the pace stays.

    `remaining` is the share of the budget that is left, `rate` the present burn rate. Rounded down
    to a nanosecond (sooner is worse). `None` where nothing burns, where nothing is known, and where
    the budget is spent already. Old bad events that leave a rolling window on the way are not
    credited.
    """
    if rate is None or rate <= 0 or remaining <= 0:
        return None
    return int(remaining * window_ns / rate)


def full_budget_lifetime(rate: Fraction | None, window_ns: int) -> int | None:
    """Return how long a whole, untouched budget would last at this pace, rounded down.

    Not the time that is left: that is `time_to_exhaustion`. `None` where nothing burns.
    """
    return time_to_exhaustion(Fraction(1), rate, window_ns)


def budget_share(rate: Fraction, spell_ns: int, window_ns: int) -> Fraction:
    """Return the share of the budget that a spell at `rate` uses: rate × spell ÷ window."""
    return rate * Fraction(spell_ns, window_ns)


def allowed_bad_ratio(target: Decimal) -> Fraction:
    """Return 1 − target, exactly. Raises ValueError for a target outside (0, 1)."""
    return 1 - _checked_target(target)


def _checked_target(target: Decimal) -> Fraction:
    ratio = Fraction(target)
    if not 0 < ratio < 1:
        raise ValueError(f"target {target} leaves no budget or no promise; it must be in (0, 1)")
    return ratio


def _check_counts(good: int, total: int) -> None:
    if not 0 <= good <= total:
        raise ValueError(f"impossible counts: good {good} of total {total}")
