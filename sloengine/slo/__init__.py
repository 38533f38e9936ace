"""Arithmetic of service level objectives.

In: counts of good and of all events, a target, and windows as integers. Out: indicator, error
budget, burn rates, time to exhaustion, verdict. Guaranteed: exact (integers, `Fraction`, `Decimal`
targets), time is an argument, no state, no import of another room.
"""

from sloengine.slo.budget import (
    ErrorBudget,
    State,
    allowed_bad_ratio,
    budget_share,
    burn_rate,
    burns_faster,
    error_budget,
    full_budget_lifetime,
    highest_burn_rate,
    sli,
    state,
    time_to_exhaustion,
)
from sloengine.slo.rounding import (
    largest_remainder,
    percent_down,
    percent_up,
    round_down,
    round_up,
)
from sloengine.slo.windows import (
    BURN_WINDOWS,
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    PACE_WINDOW,
    WORKBOOK_PAIRS,
    WORKBOOK_URL,
    BurnPair,
)

__all__ = [
    "BURN_WINDOWS",
    "DAY_NS",
    "HOUR_NS",
    "MINUTE_NS",
    "PACE_WINDOW",
    "WORKBOOK_PAIRS",
    "WORKBOOK_URL",
    "BurnPair",
    "ErrorBudget",
    "State",
    "allowed_bad_ratio",
    "budget_share",
    "burn_rate",
    "burns_faster",
    "error_budget",
    "full_budget_lifetime",
    "highest_burn_rate",
    "largest_remainder",
    "percent_down",
    "percent_up",
    "round_down",
    "round_up",
    "sli",
    "state",
    "time_to_exhaustion",
]
