"""How time is cut for counting, and how long things are kept."""

from __future__ import annotations

SECOND_NS = 10**9
SLOT_NS = 10 * SECOND_NS
"""Counts of the last three days stand in slots of this length."""
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 24 * 60 * MINUTE_NS
FINE_FOR_NS = 3 * DAY_NS
"""Older counts are folded to minutes."""
FACTS_KEPT_NS = 35 * DAY_NS
COUNTS_KEPT_NS = 400 * DAY_NS


def floor_to(instant_ns: int, step_ns: int) -> int:
    """Return the start of the step of `step_ns` that holds the instant."""
    return instant_ns - instant_ns % step_ns
