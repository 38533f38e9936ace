"""`Evaluation`: what the third loop finds at an instant; exporter and report read nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from sloengine.slo import State, sli


@dataclass(frozen=True, slots=True)
class BurnRate:
    """How fast the budget burns: 1 uses it up exactly in the SLO's window.

    `rate` is `None` where the window holds no event.
    """

    window: str
    """As people write it: `1h`, `3d`."""
    window_ns: int
    good: int
    total: int
    rate: Fraction | None


@dataclass(frozen=True, slots=True)
class BudgetDay:
    """One step of the budget's course, for charts: counts of `[start_ns, end_ns)`."""

    start_ns: int
    end_ns: int
    good: int
    total: int


@dataclass(frozen=True, slots=True)
class AdjustmentUse:
    """What a `BudgetAdjustment` left out of one SLO's window: neither good nor total has it."""

    name: str
    reason: str
    good: int
    total: int
    periods_ns: int
    """Time inside the window that the adjustment is about; of overlapping ones each has its own."""
    unread_ns: int = 0
    """How much of it is older than stored facts, which its condition would have to be asked of:
    there nothing is left out."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What counted transactions were worth in one currency, in millionths of it."""

    currency: str | None
    """`None` where they have an amount and no currency."""
    transactions: int
    """How many have an amount in it."""
    total_micros: int
    """What customers tried to do; bad is `total_micros - good_micros`: lost or spoilt."""
    good_micros: int


@dataclass(frozen=True, slots=True)
class Money:
    """What counted transactions were worth. Sums of amounts that were seen; nothing is estimated.

    Currencies are never added to each other.
    """

    amounts: tuple[Amount, ...]
    """Most transactions first, then by currency."""
    good_without: int
    """Good transactions without an amount."""
    bad_without: int
    """Bad transactions without an amount: what they were worth is not known."""
    further: int
    """Transactions in currencies beyond the commonest, whose amounts are not summed."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one value of a dimension has of an SLO's window."""

    value: str
    """`__none__` where spans said nothing, `__other__` for all values that are not shown."""
    good: int
    total: int
    excluded: int
    unknown: int
    share_of_bad: Fraction | None
    """Of all bad events of the window; `None` where there is none."""
    budget_used: Fraction | None
    """Share of the whole window's budget; `None` where that holds no event."""
    money: Money | None

    @property
    def bad(self) -> int:
        """Bad events."""
        return self.total - self.good

    @property
    def sli(self) -> Fraction | None:
        """`good / total`; `None` where nothing was counted."""
        return sli(self.good, self.total)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """An SLO's window by value of a dimension. `parts` and `untold` sum to the window's counts."""

    dimension: str
    limit: int
    """How many values the definition shows: those with most events."""
    values: int
    """How many values the window has, `__none__` included and `__other__` not."""
    is_capped: bool
    """Whether `__other__` holds values, too, that the store did not tell apart."""
    parts: tuple[Part, ...]
    """Most bad events first, then most events, then by value; `__other__` is last."""
    untold: Part | None
    """What was counted and is in no part: its facts were dropped. `None` where nothing is."""


@dataclass(frozen=True, slots=True)
class SloEvaluation:
    """One objective of one SLO at one instant. Counts are integers, ratios exact fractions."""

    slo: str
    objective: str
    """The objective's display name; empty where the SLO has one objective without a name."""
    display_name: str
    description: str
    service: str
    transaction: str
    indicator: str
    target: Decimal
    window: str
    start_ns: int
    """Inclusive."""
    end_ns: int
    """Exclusive."""
    good: int
    total: int
    excluded: int
    unknown: int
    sli: Fraction | None
    budget_total: Fraction | None
    """Events that may be bad in this window: (1 − target) × total."""
    budget_used: int
    """Events that were bad."""
    budget_remaining: Fraction | None
    """Share of the budget, 1 = untouched, negative = overspent; never clamped."""
    burn_rates: tuple[BurnRate, ...]
    time_to_exhaustion_ns: int | None
    """At the pace of the last hour; `None` where it never runs out or already has."""
    state: State
    reasons: Mapping[str, int]
    """Bad events by `outcome: reason`, most first."""
    course: tuple[BudgetDay, ...]
    observed_since_ns: int | None
    """The first event that the store ever counted for this indicator."""
    corrected: int
    """Verdicts of this window that were changed after they were first counted."""
    adjustments: tuple[AdjustmentUse, ...] = ()
    """Those that touch the window, in the order in which they take events."""
    position: str = ""
    annotations: Mapping[str, str] | None = None
    facts_since_ns: int = 0
    """`money` and `by` hold what ended at this instant or later; not before `start_ns`."""
    dimensions: tuple[str, ...] = ()
    """Those that the transaction declares."""
    money: Money | None = None
    """`None` where the transaction declares no value, and without a course."""
    by: Breakdown | None = None
    """By the dimension that was asked for; `None` where the transaction declares no such one."""


@dataclass(frozen=True, slots=True)
class TrafficShare:
    """How many facts a transaction (or `other`, `ignored`) has in the report's window."""

    transaction: str
    total: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DefinitionUse:
    """What is counted of a transaction and was judged by one definition, in the report's window.

    More than one for a transaction means that its numbers mix what two definitions meant.
    """

    transaction: str
    definition: str
    """Content hash, 12 hex digits."""
    first_ns: int
    last_ns: int
    """Starts of the minutes in which its first and its last transaction ended."""
    events: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a window the engine was watching.

    A minute is covered when the engine was running and could accept requests in it.
    """

    covered_minutes: int
    minutes: int

    @property
    def share(self) -> Fraction | None:
        """Covered share of the window; `None` for an empty window."""
        return Fraction(self.covered_minutes, self.minutes) if self.minutes else None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All objectives at one instant."""

    at_ns: int
    revision: str
    commit: str | None
    slos: tuple[SloEvaluation, ...]
    traffic: tuple[TrafficShare, ...]
    other_names: tuple[tuple[str, str, int], ...]
    """Top unmapped (service, span name, count)."""
    coverage: Coverage
    """Of the longest window."""
    late_unverifiable: int
    not_evaluated: tuple[str, ...]
    counters: Mapping[str, int]
    """The engine's own persistent counters."""
    last_event_ns: int | None
    """The latest end of any stored transaction."""
    definitions: tuple[DefinitionUse, ...] = ()
    """By transaction and time, as far back as counts are kept; only with a course."""
