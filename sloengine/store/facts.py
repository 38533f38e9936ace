"""`Fact` and `FactBatch`: what the store keeps of a business transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OTHER = "other"
"""The visible transaction of customer traffic that no definition maps."""
IGNORED = "ignored"
"""Traffic that a `kind: Ignore` names: counted, promised to nobody."""
OTHER_SERVICE = "service.name"
"""Dimension of an `other` fact: the service that the span belongs to."""
OTHER_SPAN = "span.name"
"""Dimension of an `other` fact: the name of the span."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One business transaction and how it ended. Identity: trace, entry span, entry kind."""

    trace_id: int
    """128 bits, unsigned."""
    entry_span_id: int
    """64 bits, unsigned."""
    entry_kind: int
    transaction: str
    definition: str
    """Content hash of the transaction's definition; empty for `other` and `ignored`."""
    revision: str
    """Content hash of the set of definitions that judged it."""
    start_ns: int
    end_ns: int
    """When the entry span ended: the transaction belongs to this slot."""
    outcome: str
    reason: str
    """Empty where good."""
    incomplete: bool
    """The trace had orphans, or was judged before its time for want of memory."""
    customer: bytes | None
    session: bytes | None
    intent: bytes | None
    """Keyed hashes of 16 bytes, never the value."""
    amount_micros: int | None
    """Millionths of `currency`, rounded half to even."""
    currency: str | None
    dimensions: Mapping[str, str] = field(default_factory=dict)
    """Raw values; nil is `__none__`."""


@dataclass(frozen=True, slots=True)
class FactBatch:
    """What one commit makes durable: verdicts, and the spool position that they make safe.

    Traces in `recheck` may have stored facts already (replayed after a crash, or touched by a late
    span): the store makes their stored facts equal to those given here and commits only the
    difference. A trace in `recheck` without a fact here loses its stored facts. Facts of other
    traces are new.
    """

    facts: tuple[Fact, ...]
    recheck: frozenset[int]
    """Trace ids."""
    position: int
    """The oldest frame that a pending trace still needs, else the end of what was applied."""
    arrival_ns: int
    """Wall time of the commit, stamped on facts and corrections."""
    counters: Mapping[str, int] = field(default_factory=dict)
    """Increments of the engine's own persistent counters, by name."""
    origins: Mapping[int, int] = field(default_factory=dict)
    """Trace id → position of the oldest frame that its verdict rests on; a trace that is missing
    rests on `position` or later."""


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """What the store knows of a trace that has facts."""

    revision: str
    """Of the definitions that judged it last."""
    origin: int
    """Position of the oldest frame that its facts rest on."""
