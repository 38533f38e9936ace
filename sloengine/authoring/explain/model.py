"""`Explanation`: one trace and the way to its verdicts, ready to be printed in any form."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """What asking a rule or a condition gave."""

    YES = "holds"
    NO = "does not hold"
    UNKNOWN = "cannot be known"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class ExplainedSpan:
    """One distinct span; its number is its place in `Explanation.spans`, which is in preorder."""

    span_id: int
    parent_id: int
    """As the span names it; 0 where it names none."""
    kind: int
    service: str
    name: str
    status: str
    """`UNSET`, `OK` or `ERROR`; empty where it is not known."""
    start_ns: int
    end_ns: int
    parent: int
    """Number of the parent; -1 for a root."""
    depth: int
    entry_of: tuple[str, ...] = ()
    """Transactions that begin here."""
    parent_missing: bool = False
    orphan: bool = False
    """The missing parent is not excused."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One predicate, what it gave, and why."""

    text: str
    answer: Answer
    why: str
    spans: tuple[int, ...] = ()
    """The spans on which its condition holds, within its scope."""
    parts: tuple[Finding, ...] = ()
    """Of several that must all hold: each of them, whether the judge needed it or not."""


@dataclass(frozen=True, slots=True)
class ExplainedRule:
    """A rule of `outcome` or `because`, in the order in which the judge goes through them."""

    label: str
    """The outcome, or `because`."""
    reason: str
    finding: Finding
    decided: bool
    """This rule gave the outcome, or the reason."""


@dataclass(frozen=True, slots=True)
class ExplainedValue:
    """A value that the transaction took from its spans."""

    name: str
    """`customer`, `session`, `intent`, `amount`, `currency`, or a dimension's name."""
    text: str | None
    """As it may be shown; `None` where no span has it."""
    expression: str
    """The expression that gave it, or all that were tried."""
    span: int | None
    from_span: str
    """`entry`, `ancestor`, `span set`, or empty."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another definition whose entry matched, and why it did not take the span."""

    transaction: str
    priority: int
    why: str


@dataclass(frozen=True, slots=True)
class ExplainedTransaction:
    """A business transaction of the trace."""

    transaction: str
    definition: str
    entry: int
    outcome: str
    reason: str
    entry_rule: Finding
    having: Finding | None
    rivals: tuple[Rival, ...]
    set_size: int
    rules: tuple[ExplainedRule, ...]
    values: tuple[ExplainedValue, ...]


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A span that matched a definition's entry and begins no transaction."""

    span: int
    rivals: tuple[Rival, ...]


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Customer traffic that no definition maps: `other`, or `ignored`."""

    span: int
    transaction: str


@dataclass(frozen=True, slots=True)
class ConditionError:
    """A condition that errs, on how many spans, and what it says of the first."""

    definition: str
    condition: str
    spans: int
    message: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One trace, explained."""

    trace_id: int
    revision: str
    commit: str | None
    spans: tuple[ExplainedSpan, ...]
    incomplete: bool
    orphans: tuple[int, ...]
    cycles_cut: int
    copies: int
    """Spans that came again."""
    transactions: tuple[ExplainedTransaction, ...]
    passed_over: tuple[PassedOver, ...]
    unmapped: tuple[Unmapped, ...]
    condition_errors: tuple[ConditionError, ...]
    notes: tuple[str, ...] = ()
    """What else a reader must know: where the spans come from, what is stored."""
