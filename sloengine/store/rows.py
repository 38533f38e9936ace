"""What the reader returns: one type for each statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CountWindow:
    """Events of an indicator in slots that start in `[start_ns, end_ns)`."""

    indicator: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events a window holds; `total` is good and bad, without excluded and unknown."""

    good: int = 0
    total: int = 0
    excluded: int = 0
    unknown: int = 0
    corrected: int = 0
    """Verdicts that changed after they were first counted."""


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Bad events of one outcome and reason."""

    outcome: str
    reason: str
    events: int


@dataclass(frozen=True, slots=True)
class CourseStep:
    """Counts of the step that begins at `start_ns`; steps without events are left out."""

    start_ns: int
    good: int
    total: int


@dataclass(frozen=True, slots=True)
class TrafficCount:
    """Facts of a transaction with one outcome."""

    transaction: str
    outcome: str
    events: int


@dataclass(frozen=True, slots=True)
class OtherName:
    """Unmapped traffic by the service and the name of its span."""

    service: str
    span: str
    events: int


@dataclass(frozen=True, slots=True)
class Correction:
    """A stored fact that was replaced, or removed where the `after_` fields are `None`."""

    trace_id: int
    entry_span_id: int
    entry_kind: int
    before_transaction: str
    before_revision: str
    before_end_ns: int
    before_outcome: str
    before_reason: str
    after_transaction: str | None
    after_revision: str | None
    after_end_ns: int | None
    after_outcome: str | None
    after_reason: str | None
    at_ns: int


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A transaction that stands for a histogram's latest values."""

    trace_id: int
    span_id: int
    value_ns: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class DurationHistogram:
    """Durations of first verdicts, as a base-2 exponential histogram at scale 3.

    Bucket i holds (2^(i/8), 2^((i+1)/8)] seconds. `events` is the sum of `buckets` and
    `zero_events`; a negative duration counts as zero.
    """

    transaction: str
    outcome: str
    reason: str
    events: int
    zero_events: int
    sum_ns: int
    min_ns: int
    max_ns: int
    buckets: Mapping[int, int]
    exemplar: Exemplar


@dataclass(frozen=True, slots=True)
class ExportState:
    """Cumulative counters since `start_ns`. They only rise, and survive a restart.

    What an SLO counts now as good is its first verdicts of good, plus corrections to good, minus
    corrections from good; so too for `bad`, `excluded` and `unknown`.
    """

    start_ns: int
    verdicts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """First verdicts by (SLO, result)."""
    corrections: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """Changed verdicts by (SLO, from, to); `none` where the SLO did not count the fact."""
    durations: tuple[DurationHistogram, ...] = ()
    """In ascending order of (transaction, outcome, reason)."""


@dataclass(frozen=True, slots=True)
class DefinitionCount:
    """Counted facts of a transaction that one definition judged."""

    transaction: str
    definition: str
    first_ns: int
    last_ns: int
    """Starts of the minutes in which its first and its last fact ended."""
    events: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Events of an indicator, in one slot, that an adjustment leaves out."""

    adjustment: int
    """Index into the adjustments that were asked for."""
    slot_ns: int
    outcome: str
    reason: str
    good: int
    total: int


@dataclass(frozen=True, slots=True)
class PartCount:
    """Events of an indicator that share a value of a dimension, a result and a currency."""

    value: str
    """Empty where no dimension was asked for."""
    result: str
    """`good`, `bad`, `excluded` or `unknown`."""
    is_valued: bool
    """Whether the events have an amount; excluded and unknown ones have none here."""
    currency: str | None
    is_summed: bool
    """Whether `micros` is their sum; not so for currencies beyond the commonest."""
    events: int
    micros: int
    """Millionths of `currency`."""
