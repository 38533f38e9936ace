"""The windows that burn rates are looked at over, and the alert pairs of the SRE workbook.

Source of the pairs: https://sre.google/workbook/alerting-on-slos/ ("Recommended parameters for an
SLO-based alerting configuration": 99.9% over 30 days; the short window is 1/12 of the long one).
The fourth pair stands in that chapter's rule listing and not in its table.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

WORKBOOK_URL = "https://sre.google/workbook/alerting-on-slos/"

BURN_WINDOWS: tuple[tuple[str, int], ...] = (
    ("5m", 5 * MINUTE_NS),
    ("30m", 30 * MINUTE_NS),
    ("1h", HOUR_NS),
    ("6h", 6 * HOUR_NS),
    ("1d", DAY_NS),
    ("3d", 3 * DAY_NS),
)
"""(as people write it, nanoseconds), shortest first."""

PACE_WINDOW = "1h"
"""The burn window whose pace `time to exhaustion` assumes."""


@dataclass(frozen=True, slots=True)
class BurnPair:
    """Alert when both windows burn faster than the rate that uses `budget_share` in `long_ns`."""

    severity: str
    """`page` or `ticket`."""
    long_ns: int
    short_ns: int
    budget_share: Fraction
    """Of the whole budget. Kept instead of a factor, because a factor is tied to one period."""
    in_table: bool
    """Whether the chapter's table recommends it; its listing has one pair more."""

    def factor(self, window_ns: int) -> Fraction:
        """Return the burn rate to exceed for an SLO over `window_ns`."""
        return self.budget_share * Fraction(window_ns, self.long_ns)


WORKBOOK_PAIRS: tuple[BurnPair, ...] = (
    BurnPair("page", HOUR_NS, 5 * MINUTE_NS, Fraction(2, 100), in_table=True),
    BurnPair("page", 6 * HOUR_NS, 30 * MINUTE_NS, Fraction(5, 100), in_table=True),
    BurnPair("ticket", DAY_NS, 2 * HOUR_NS, Fraction(10, 100), in_table=False),
    BurnPair("ticket", 3 * DAY_NS, 6 * HOUR_NS, Fraction(10, 100), in_table=True),
)
