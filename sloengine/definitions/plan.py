"""`Plan`: what a set of definitions asks of the engine, ready to run.

A plan is immutable and knows no file, no database and no network. Indices of conditions point into
`Plan.conditions` (and so are the bit numbers of a vector), indices of captures into
`Plan.captures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from sloengine.ottl import Condition, FactCondition, Field, ValueExpression


class Outcome(StrEnum):
    """How a business transaction ended for the customer."""

    GOOD = "good"
    SLOW = "slow"
    FAILED = "failed"
    ABANDONED = "abandoned"
    EXCLUDED = "excluded"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """Which spans a quantifier looks at."""

    SET = "set"
    """The entry and all its descendants."""
    TRACE = "trace"
    """Every span of the trace."""
    ANCESTORS = "ancestors"
    """The ancestors of the entry, without the entry."""


@dataclass(frozen=True, slots=True)
class EntrySpan:
    """The condition holds on the entry span itself."""

    condition: int


@dataclass(frozen=True, slots=True)
class AnySpan:
    """The condition holds on at least one span of the scope."""

    condition: int
    scope: Scope


@dataclass(frozen=True, slots=True)
class NoSpan:
    """The condition holds on no span of the scope."""

    condition: int
    scope: Scope


@dataclass(frozen=True, slots=True)
class EverySpan:
    """`holds` holds on each span of the scope on which `of` holds; true where there is none."""

    of: int
    holds: int
    scope: Scope


@dataclass(frozen=True, slots=True)
class CountSpans:
    """The number of spans of the scope on which `match` holds lies within inclusive bounds."""

    match: int
    at_least: int | None
    at_most: int | None
    scope: Scope


@dataclass(frozen=True, slots=True)
class LongerThan:
    """The entry span's own duration is greater than `limit_ns`; exactly the limit is not."""

    limit_ns: int


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds (three-valued AND)."""

    parts: tuple[Predicate, ...]


Predicate = EntrySpan | AnySpan | NoSpan | EverySpan | CountSpans | LongerThan | AllOf


@dataclass(frozen=True, slots=True)
class OutcomeRule:
    """If `when` holds, the transaction ended with `outcome` because of `reason`."""

    outcome: Outcome
    reason: str
    when: Predicate


@dataclass(frozen=True, slots=True)
class BecauseRule:
    """Names the reason of a slow or failed transaction; never decides its outcome."""

    reason: str
    when: Predicate


@dataclass(frozen=True, slots=True)
class DimensionRule:
    """A dimension of a transaction's facts; `captures` are tried in order."""

    name: str
    captures: tuple[int, ...]
    limit: int


@dataclass(frozen=True, slots=True)
class TransactionRule:
    """A `BusinessTransaction`: which spans are a customer doing something, and how it ended."""

    name: str
    display_name: str
    definition: str
    """Content hash of this one definition, 12 hex digits."""
    entry: tuple[int, ...]
    """Conditions, OR-ed."""
    priority: int = 0
    having: Predicate | None = None
    outcome: tuple[OutcomeRule, ...] = ()
    because: tuple[BecauseRule, ...] = ()
    customer: tuple[int, ...] = ()
    session: tuple[int, ...] = ()
    intent: tuple[int, ...] = ()
    amount: tuple[int, ...] = ()
    currency: tuple[int, ...] = ()
    dimensions: tuple[DimensionRule, ...] = ()
    description: str = ""
    criticality: str = "medium"
    audience: str = "external"
    tolerance_duration_ns: int | None = None
    tolerance_customers: int | None = None
    retry_window_ns: int = 300 * 10**9
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Objective:
    """A target of an SLO; exact, 0 < target < 1."""

    display_name: str
    target: Decimal


@dataclass(frozen=True, slots=True)
class SloRule:
    """A ratio SLO over business transactions: rolling window, occurrences.

    `good` is always evaluated together with `total`, so good ≤ total.
    """

    name: str
    display_name: str
    description: str
    service: str
    transaction: str
    indicator: str
    """Content hash of all that decides which facts are good or counted (12 hex digits):
    counts of one indicator are never added to those of another."""
    good: FactCondition
    total: FactCondition | None
    unknown_is_bad: bool
    window_ns: int
    window_text: str
    """The window as it was written, for instance `28d`."""
    objectives: tuple[Objective, ...]
    position: str
    """`file:line` of the definition, for people."""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When a period comes again: an RFC 5545 rule over local times."""

    rrule: str
    first: str
    """ISO 8601, local time of `time_zone`."""
    time_zone: str
    """IANA name."""
    duration_ns: int


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A `BudgetAdjustment`: events that ended in its periods, and on which `where` holds, leave
    both good and total of the SLOs that it names, when a report is made.
    """

    name: str
    reason: str
    slos: tuple[str, ...]
    start_ns: int
    end_ns: int
    """Of the one-off period; the end itself counts again. Equal to `start_ns` if it recurs."""
    recurrence: Recurrence | None
    where: FactCondition | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the engine needs from one set of definitions."""

    revision: str
    """Content hash of the whole set, 12 hex digits."""
    commit: str | None
    """The git commit of the folder, where it is a clean checkout; with `+dirty` otherwise."""
    fields: tuple[Field, ...]
    """What to decode, ordered by (path, key). Always contains `span.name` and
    `resource.attributes["service.name"]`."""
    conditions: tuple[Condition, ...]
    captures: tuple[ValueExpression, ...]
    transactions: tuple[TransactionRule, ...]
    """In ascending order of name."""
    ignore: tuple[tuple[str, tuple[int, ...]], ...]
    """`kind: Ignore`: (name, entry conditions)."""
    slos: tuple[SloRule, ...]
    """In ascending order of name."""
    documents: str
    """The canonical text of the set, from which the same plan can be built again."""
    adjustments: tuple[Adjustment, ...] = ()
    """In ascending order of name: of two that would leave an event out, the first does."""
    not_evaluated: tuple[str, ...] = ()
    """One line for each accepted thing that this engine does not evaluate yet."""
