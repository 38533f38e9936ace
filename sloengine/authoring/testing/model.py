"""What a `*.test.yaml` says, once it is read: scenarios of spans, and what is expected of them.

Offsets and durations are integers in nanoseconds; offsets count from the scenario's start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from sloengine.definitions import Outcome, Plan
from sloengine.errors import Position
from sloengine.slo import State
from sloengine.yamldoc import Data


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An event on a span."""

    name: str
    at_ns: int
    attributes: Mapping[str, Data]


@dataclass(frozen=True, slots=True)
class Scope:
    """The instrumentation scope of a span."""

    name: str = ""
    version: str = ""
    attributes: Mapping[str, Data] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpanSpec:
    """One span of a scenario."""

    label: str
    """The id as it is written; `span 3` for the third one where none is."""
    span_id: int
    parent_id: int
    """0 for a root."""
    trace: str
    name: str
    kind: int
    """As in OTLP: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    at_ns: int
    duration_ns: int
    """May be negative: clocks may disagree."""
    arrives_ns: int
    status: int
    """As in OTLP: 0 unset, 1 ok, 2 error."""
    status_message: str
    attributes: Mapping[str, Data]
    resource: Mapping[str, Data]
    scope: Scope
    events: tuple[SpanEvent, ...]
    trace_state: str
    position: Position

    @property
    def end_ns(self) -> int:
        """When the span ends."""
        return self.at_ns + self.duration_ns


@dataclass(frozen=True, slots=True)
class Repetition:
    """A trace happens `times` times, one copy `every_ns` after the other."""

    times: int
    every_ns: int


@dataclass(frozen=True, slots=True)
class Money:
    """What a transaction is worth."""

    amount_micros: int
    currency: str | None


AnyOne = bool
"""In place of a key's text: `True` somebody, `False` nobody."""


@dataclass(frozen=True, slots=True)
class ExpectedTransaction:
    """A transaction that must be there. What is not among `given` is not compared."""

    given: frozenset[str]
    """Keys of the file: `outcome`, `reason`, ..."""
    transaction: str
    times: int
    position: Position
    entry: str = ""
    trace: str = ""
    outcome: Outcome = Outcome.GOOD
    reason: str = ""
    incomplete: bool = False
    customer: str | AnyOne = False
    session: str | AnyOne = False
    intent: str | AnyOne = False
    value: Money | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExpectedSlo:
    """Numbers of one objective. What is not among `given` is not compared.

    Every number is exact; `None` is "no data".
    """

    given: Mapping[str, Fraction | State | None]
    """By the name that failures show: `good`, `budget.remaining`, `burn rate 1h`, ..."""
    reasons: Mapping[str, int] | None
    slo: str
    objective: str | None
    position: Position


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must be so at one instant."""

    at_ns: int | None
    """`None`: at the end, when every trace has been judged."""
    shown_at: str
    """`at 10m`, `at the end`."""
    position: Position
    transactions: tuple[ExpectedTransaction, ...] | None
    slos: tuple[ExpectedSlo, ...]
    counters: Mapping[str, int]
    """By the names of `processor.Counter`, without `processor.`."""
    alerts: Position | None
    """Where alert states are expected, which this version does not evaluate."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Spans that arrive, and what must come of them."""

    name: str
    description: str
    start_ns: int
    """The instant of offset 0, since the epoch."""
    spans: tuple[SpanSpec, ...]
    repetitions: Mapping[str, Repetition]
    """By label of the trace; a trace that is missing happens once."""
    expectations: tuple[Expectation, ...]
    """In ascending order of instant, the end last."""
    position: Position


@dataclass(frozen=True, slots=True)
class Suite:
    """The scenarios of one test document, and the definitions that they are about."""

    file: Path
    name: str
    plan: Plan
    scenarios: tuple[Scenario, ...]
