"""Predicates of rules, three-valued: True, False, and None where it cannot be known.

On a trace with orphans, that something is there can be known; that it is not there cannot.
"""

from __future__ import annotations

from sloengine.definitions.plan import (
    AllOf,
    AnySpan,
    CountSpans,
    EntrySpan,
    EverySpan,
    LongerThan,
    NoSpan,
    Predicate,
)
from sloengine.processor.spansets import SpanSets

Truth = bool | None


def holds(predicate: Predicate, entry: int, sets: SpanSets) -> Truth:
    """Whether a predicate holds for the transaction that starts at row `entry`."""
    absent: Truth = False if sets.complete else None
    all_there: Truth = True if sets.complete else None
    match predicate:
        case EntrySpan(condition):
            return sets.has(entry, 1 << condition)
        case AnySpan(condition, scope):
            return True if sets.count(scope, entry, 1 << condition) else absent
        case NoSpan(condition, scope):
            return False if sets.count(scope, entry, 1 << condition) else all_there
        case EverySpan(of, must_hold, scope):
            broken = sets.count(scope, entry, 1 << of, 1 << must_hold)
            return False if broken else all_there
        case CountSpans(match, at_least, at_most, scope):
            count = sets.count(scope, entry, 1 << match)
            enough = True if at_least is None or count >= at_least else absent
            if at_most is None:
                return enough
            return both(enough, False if count > at_most else all_there)
        case LongerThan(limit_ns):
            row = sets.forest.rows[entry]
            duration_ns = row.end_ns - row.start_ns
            return duration_ns >= 0 and duration_ns > limit_ns
        case AllOf(parts):
            result: Truth = True
            for part in parts:
                result = both(result, holds(part, entry, sets))
                if result is False:
                    return False
            return result


def both(left: Truth, right: Truth) -> Truth:
    """Three-valued AND: one False decides, then one unknown."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True
