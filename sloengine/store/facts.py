"""`Fact` and `FactBatch`: what the store keeps of a business transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

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


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column of few distinct texts: row `i` is `texts[codes[i]]`."""

    codes: npt.NDArray[np.int32]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FactColumns:
    """The facts of many traces as columns, one row for each; no object per fact.

    Each column is as the field of `Fact`; a sequence that is None is None in every row. The
    dimensions of row `i` are those numbered from `dimension_offsets[i]` up to, not including,
    `dimension_offsets[i + 1]`, in ascending order of name.
    """

    trace_hi: npt.NDArray[np.uint64]
    trace_lo: npt.NDArray[np.uint64]
    entry_span_id: npt.NDArray[np.uint64]
    entry_kind: npt.NDArray[np.uint8]
    transaction: Coded
    definition: Coded
    revision: str
    start_ns: npt.NDArray[np.uint64]
    end_ns: npt.NDArray[np.uint64]
    outcome: Coded
    reason: Coded
    incomplete: npt.NDArray[np.bool_]
    customer: Sequence[bytes | None] | None
    session: Sequence[bytes | None] | None
    intent: Sequence[bytes | None] | None
    amount_micros: Sequence[int | None] | None
    currency: Sequence[str | None] | None
    dimension_offsets: npt.NDArray[np.int32]
    dimension_names: Coded
    dimension_values: Sequence[str]
    origin: npt.NDArray[np.int64]
    """Position of the oldest frame that the verdict over the row's trace rests on."""

    def __len__(self) -> int:
        return len(self.trace_hi)

    def facts(self) -> tuple[Fact, ...]:
        """Return the rows one by one: slow, for tests and for few facts."""
        return tuple(self._fact(row) for row in range(len(self)))

    def origins(self) -> dict[int, int]:
        """Return the oldest frame of each trace, as `FactBatch.origins` has it; slow."""
        return {self._trace_id(row): int(self.origin[row]) for row in range(len(self))}

    def _trace_id(self, row: int) -> int:
        return int(self.trace_hi[row]) << 64 | int(self.trace_lo[row])

    def _fact(self, row: int) -> Fact:
        dimensions = range(self.dimension_offsets[row], self.dimension_offsets[row + 1])
        names = self.dimension_names
        return Fact(
            trace_id=self._trace_id(row),
            entry_span_id=int(self.entry_span_id[row]),
            entry_kind=int(self.entry_kind[row]),
            transaction=self.transaction.texts[self.transaction.codes[row]],
            definition=self.definition.texts[self.definition.codes[row]],
            revision=self.revision,
            start_ns=int(self.start_ns[row]),
            end_ns=int(self.end_ns[row]),
            outcome=self.outcome.texts[self.outcome.codes[row]],
            reason=self.reason.texts[self.reason.codes[row]],
            incomplete=bool(self.incomplete[row]),
            customer=None if self.customer is None else self.customer[row],
            session=None if self.session is None else self.session[row],
            intent=None if self.intent is None else self.intent[row],
            amount_micros=None if self.amount_micros is None else self.amount_micros[row],
            currency=None if self.currency is None else self.currency[row],
            dimensions={
                names.texts[names.codes[number]]: self.dimension_values[number]
                for number in dimensions
            },
        )


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
    rests on `position` or later. Those of `columns` stand there."""
    columns: FactColumns | None = None
    """Further facts."""

    def __len__(self) -> int:
        """How many facts there are."""
        return len(self.facts) + (0 if self.columns is None else len(self.columns))


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """What the store knows of a trace that has facts."""

    revision: str
    """Of the definitions that judged it last."""
    origin: int
    """Position of the oldest frame that its facts rest on."""
