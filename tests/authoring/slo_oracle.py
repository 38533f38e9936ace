"""The numbers of an objective by brute force: from expected transactions, in plain fractions.

Nothing of the store, of SQL or of the engine's arithmetic is used: the transactions are those that
the file says must be there, their ends are those of the spans in the file, the window is cut by the
documented rule, and every number is worked out from the list of events that is left.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from sloengine.authoring.testing import ExpectedTransaction, Scenario
from sloengine.definitions import Objective, SloRule

SECOND_NS = 10**9
SLOT_NS = 10 * SECOND_NS
MINUTE_NS = 60 * SECOND_NS
THREE_DAYS_NS = 3 * 86400 * SECOND_NS
BURN_WINDOWS_NS = {
    "5m": 300 * SECOND_NS,
    "30m": 1800 * SECOND_NS,
    "1h": 3600 * SECOND_NS,
    "6h": 21600 * SECOND_NS,
    "1d": 86400 * SECOND_NS,
    "3d": 3 * 86400 * SECOND_NS,
}
BAD_OUTCOMES = {"slow", "failed", "abandoned"}
Number = Fraction | str | None


@dataclass(frozen=True)
class Event:
    """One transaction, as conditions on facts see it."""

    transaction: str
    outcome: str
    reason: str
    start_ns: int
    end_ns: int
    amount_micros: int | None = None
    dimensions: dict[str, str] = field(default_factory=dict)


def events_of(scenario: Scenario, expected: tuple[ExpectedTransaction, ...]) -> list[Event]:
    """Every expected transaction with its instants; raises where the file leaves them open."""
    return [event for one in expected for event in _events(scenario, one)]


def _events(scenario: Scenario, one: ExpectedTransaction) -> list[Event]:
    spans = [
        span
        for span in scenario.spans
        if ("trace" not in one.given or span.trace == one.trace)
        and ("entry" not in one.given or span.label == one.entry)
    ]
    times = {(span.trace, span.at_ns, span.end_ns) for span in spans}
    if len(times) != 1:
        raise AssertionError(f"{one.position}: name entry and trace, so that its time is known")
    ((trace, at_ns, end_ns),) = times
    repetition = scenario.repetitions.get(trace)
    copies, every_ns = (repetition.times, repetition.every_ns) if repetition else (1, 0)
    if one.times != copies:
        raise AssertionError(f"{one.position}: {one.times} of {copies} copies: which ones is open")
    if "outcome" not in one.given:
        raise AssertionError(f"{one.position}: without an outcome nothing can be counted")
    return [
        Event(
            one.transaction,
            str(one.outcome),
            one.reason,
            scenario.start_ns + at_ns + copy * every_ns,
            scenario.start_ns + end_ns + copy * every_ns,
        )
        for copy in range(copies)
    ]


def in_window(event: Event, length_ns: int, at_ns: int) -> bool:
    """Slots of 10 s are never split; long windows begin at a whole minute."""
    grid_ns = MINUTE_NS if length_ns >= THREE_DAYS_NS else SLOT_NS
    start_ns = (at_ns - length_ns) // grid_ns * grid_ns
    return start_ns <= event.end_ns // SLOT_NS * SLOT_NS < at_ns


@dataclass
class Counted:
    """What a window holds."""

    good: int = 0
    total: int = 0
    excluded: int = 0
    unknown: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def count(rule: SloRule, events: list[Event], length_ns: int, at_ns: int) -> Counted:
    """One event after the other."""
    counted = Counted()
    for event in events:
        if event.transaction != rule.transaction or not in_window(event, length_ns, at_ns):
            continue
        if rule.total is not None and not rule.total.evaluate(event):
            continue
        if event.outcome == "excluded":
            counted.excluded += 1
        elif event.outcome == "unknown" and not rule.unknown_is_bad:
            counted.unknown += 1
        else:
            counted.total += 1
            is_good = event.outcome != "unknown" and rule.good.evaluate(event)
            counted.good += is_good
            if not is_good:
                counted.reasons[f"{event.outcome}: {event.reason}"] += 1
    return counted


def numbers(
    rule: SloRule, objective: Objective, events: list[Event], at_ns: int
) -> dict[str, Number]:
    """Every number that a test file can expect, but for corrections: those are history."""
    counted = count(rule, events, rule.window_ns, at_ns)
    good, total = counted.good, counted.total
    allowed_share = 1 - Fraction(Decimal(objective.target))
    burn: dict[str, Number] = {}
    for name, length_ns in BURN_WINDOWS_NS.items():
        within = count(rule, events, length_ns, at_ns)
        bad = within.total - within.good
        burn[f"burnRate.{name}"] = (
            Fraction(bad, within.total) / allowed_share if within.total else None
        )
    found: dict[str, Number] = {
        "good": Fraction(good),
        "total": Fraction(total),
        "excluded": Fraction(counted.excluded),
        "unknown": Fraction(counted.unknown),
        "budget.bad": Fraction(total - good),
        **burn,
    }
    if not total:
        nothing = ("sli", "budget.allowed", "budget.used", "budget.remaining")
        return {**found, **dict.fromkeys(nothing), "state": "no_data"}
    allowed = allowed_share * total
    return {
        **found,
        "sli": Fraction(good, total),
        "budget.allowed": allowed,
        "budget.used": (total - good) / allowed,
        "budget.remaining": (allowed - (total - good)) / allowed,
        "state": "met" if Fraction(good, total) >= 1 - allowed_share else "missed",
    }
