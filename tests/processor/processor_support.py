"""Spans, plans and a spool in few words, for tests of the processor.

Conditions have names: condition `x` holds on spans marked `x`, errs on spans marked `x?`, and is
false on all others. Captured expressions are read from attributes of their name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import repeat
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sloengine.definitions.plan import Plan, TransactionRule
from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import (
    SERVICE_NAME,
    SPAN_NAME,
    ConditionTable,
    EvaluationError,
    Field,
    Value,
    parse_condition,
    parse_value,
)
from sloengine.processor import (
    AskedTraces,
    Closed,
    EarlierTrace,
    HistoryFrame,
    PendingSpans,
    Processor,
    ProcessorFactory,
    ProcessorSettings,
    SpanKey,
    SpanRow,
    TraceProcessor,
    Verdict,
    judge_trace,
)
from sloengine.processor.rows import BatchRows, beats
from sloengine.store.facts import Fact

KEY = b"k" * 32
UNSPECIFIED, INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(6)
TRACE = 0x0123456789ABCDEF_0011223344556677


@dataclass(frozen=True)
class Span:
    """A span as a test says it; `marks` are the conditions, `values` what can be captured."""

    span_id: int
    parent_id: int = 0
    marks: str = ""
    kind: int = INTERNAL
    start_ns: int = 0
    end_ns: int = 1
    name: str = "work"
    service: str | None = "shop"
    values: Mapping[str, Value] = field(default_factory=dict)

    def value_of(self, wanted: Field) -> Value:
        if wanted == SPAN_NAME:
            return self.name
        if wanted == SERVICE_NAME:
            return self.service
        assert wanted.path == "span.attributes", wanted
        mark = wanted.key.removeprefix("is.")
        if mark == wanted.key:
            return self.values.get(wanted.key)
        return {mark: "true", f"{mark}?": None}.get(
            next((word for word in self.marks.split() if word.rstrip("?") == mark), ""), "false"
        )


# Tests parse the same few texts thousands of times.
_condition = cache(parse_condition)
_value = cache(parse_value)


def plan_of(
    transactions: Sequence[TransactionRule] = (),
    *,
    conditions: str = "",
    captures: Sequence[str] = (),
    ignore: Sequence[tuple[str, tuple[int, ...]]] = (),
    revision: str = "0000000000aa",
    projected: Sequence[Field] = (),
) -> Plan:
    """A plan whose condition `i` is the i-th name in `conditions`."""
    parsed = tuple(
        _condition(f'HasPrefix(span.attributes["is.{name}"], "t")') for name in conditions.split()
    )
    values = tuple(
        _value(text if "(" in text else f'span.attributes["{text}"]') for text in captures
    )
    fields = {SPAN_NAME, SERVICE_NAME, *projected}
    fields.update(*(condition.fields for condition in parsed))
    fields.update(*(value.fields for value in values))
    return Plan(
        revision=revision,
        commit=None,
        fields=tuple(sorted(fields)),
        conditions=parsed,
        captures=values,
        transactions=tuple(sorted(transactions, key=lambda rule: rule.name)),
        ignore=tuple(ignore),
        slos=(),
        documents="",
    )


def rule(name: str = "checkout", **parts: object) -> TransactionRule:
    """A transaction rule; its definition hash is its name."""
    blank = TransactionRule(name=name, display_name=name, definition=f"#{name}", entry=(0,))
    return replace(blank, **parts)  # type: ignore[arg-type]  # parts are field names of the rule


def table_of(plan: Plan) -> ConditionTable:
    return ConditionTable(plan.fields, plan.conditions)


def batch_of(plan: Plan, table: ConditionTable, spans: Iterable[tuple[int, Span]]) -> SpanBatch:
    """Decode (trace id, span) pairs as a decoder would, under one plan."""
    listed = list(spans)
    projected = [tuple(span.value_of(wanted) for wanted in plan.fields) for _, span in listed]
    captured: list[tuple[int, int, Value]] = []
    for row, values in enumerate(projected):
        mapping = dict(zip(plan.fields, values, strict=True))
        for index, expression in enumerate(plan.captures):
            try:
                value = expression.evaluate(mapping)
            except EvaluationError:
                continue
            if value is not None:
                captured.append((row, index, value))
    mask = 2**64 - 1
    return SpanBatch(
        trace_hi=np.array([trace >> 64 for trace, _ in listed], np.uint64),
        trace_lo=np.array([trace & mask for trace, _ in listed], np.uint64),
        span_id=np.array([span.span_id for _, span in listed], np.uint64),
        parent_id=np.array([span.parent_id for _, span in listed], np.uint64),
        kind=np.array([span.kind for _, span in listed], np.uint8),
        start_ns=np.array([span.start_ns for _, span in listed], np.uint64),
        end_ns=np.array([span.end_ns for _, span in listed], np.uint64),
        vector=np.array([table.vector(values) for values in projected], np.int32),
        capture_row=np.array([row for row, _, _ in captured], np.int32),
        capture_expression=np.array([index for _, index, _ in captured], np.int32),
        capture_value=tuple(value for _, _, value in captured),
        table=table,
        projected=projected.__getitem__,
    )


def rows_of(plan: Plan, table: ConditionTable, spans: Iterable[Span]) -> dict[SpanKey, SpanRow]:
    """The distinct rows of one trace: of conflicting ones, the winner."""
    batch = BatchRows(batch_of(plan, table, ((TRACE, span) for span in spans)))
    rows: dict[SpanKey, SpanRow] = {}
    for index in range(len(batch.trace_ids)):
        row = batch.row(index)
        holder = rows.get(row.key)
        if holder is None or beats(row, holder):
            rows[row.key] = row
    return rows


def judge(plan: Plan, *spans: Span, forced: bool = False) -> Verdict:
    """Judge spans as one whole trace."""
    table = table_of(plan)
    return judge_trace(plan, table, TRACE, rows_of(plan, table, spans), forced=forced, key=KEY)


def endings(verdict: Verdict) -> list[tuple[str, int, str, str]]:
    """(transaction, entry span, outcome, reason) of each fact, by entry span."""
    return sorted(
        (fact.transaction, fact.entry_span_id, fact.outcome, fact.reason) for fact in verdict.facts
    )


@dataclass(frozen=True)
class Frame:
    """An accepted request: what the spool keeps."""

    position: int
    arrival_ns: int
    spans: tuple[tuple[int, Span], ...]


class World:
    """A spool, a store and a processor that may die: the engine's wiring, in memory.

    The store is held to its contract: facts of a trace that is not in `recheck` are new.
    """

    make: ClassVar[ProcessorFactory] = Processor
    """Which implementation runs; tests of another one put it here."""

    def __init__(
        self,
        plan: Plan,
        settings: ProcessorSettings | None = None,
        *,
        other_plans: Sequence[Plan] = (),
    ) -> None:
        self.plans = {known.revision: (known, table_of(known)) for known in (plan, *other_plans)}
        self.frames: list[Frame] = []
        self.stored: dict[int, tuple[Fact, ...]] = {}
        self.origins: dict[int, int] = {}
        self.position = 0
        self.kept_from = 0
        """Frames before this position were deleted."""
        self.asked: list[frozenset[int]] = []
        self.credits: Iterator[int] = repeat(10**9)
        """How many traces may be read again, by look."""
        self.suspects_all = False
        """Whether even those that were never there have to be looked up, as after a restart."""
        self.read: list[int] = []
        self.is_readable = True
        self.knows_plans = True
        self.settings = settings or ProcessorSettings()
        self.plan = plan
        self.processor = self._new()

    @property
    def table(self) -> ConditionTable:
        return self.plans[self.plan.revision][1]

    def _new(self) -> TraceProcessor:
        return type(self).make(
            self.plan, self.table, settings=self.settings, key=KEY, history=Past(self)
        )

    def receive(self, arrival_ns: int, *spans: tuple[int, Span]) -> tuple[int, int, int]:
        """Accept one request, and apply it."""
        self.frames.append(Frame(len(self.frames), arrival_ns, spans))
        return self._apply(self.frames[-1])

    def _apply(self, frame: Frame) -> tuple[int, int, int]:
        batch = batch_of(self.plan, self.table, frame.spans)
        result = self.processor.add(batch, position=frame.position, arrival_ns=frame.arrival_ns)
        return result.spans, result.duplicates, result.late

    def close(self, now_ns: int, *, everything: bool = False) -> Closed:
        """Close what is due, and commit it."""
        closed = self.processor.close(now_ns, everything=everything)
        self.commit(closed)
        return closed

    def commit(self, closed: Closed) -> None:
        assert closed.last_position < len(self.frames)
        by_trace: dict[int, list[Fact]] = {trace_id: [] for trace_id in closed.recheck}
        for fact in closed.every_fact():
            by_trace.setdefault(fact.trace_id, []).append(fact)
        origins = closed.every_origin()
        for trace_id, facts in by_trace.items():
            assert trace_id in closed.recheck or trace_id not in self.stored, "counted twice"
            self.stored.pop(trace_id, None)
            if facts:
                self.stored[trace_id] = tuple(facts)
                self.origins[trace_id] = origins[trace_id]
        position = self.processor.safe_position(len(self.frames))
        assert position >= self.position, "the stored position went back"
        self.position = position

    def restart(self, plan: Plan | None = None) -> None:
        """Lose all memory, and replay from the stored position."""
        self.plan = plan or self.plan
        self.processor = self._new()
        self.processor.mark_replayed_until(len(self.frames))
        for frame in self.frames[self.position :]:
            self._apply(frame)

    def facts(self) -> list[Fact]:
        return sorted(
            (fact for facts in self.stored.values() for fact in facts),
            key=lambda fact: (fact.trace_id, fact.entry_span_id, fact.entry_kind),
        )


class Past:
    """What a `World` remembers, as the processor asks for it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def perhaps_earlier(self, asked: AskedTraces, /) -> npt.NDArray[np.bool_]:
        """Leave it to `earlier`."""
        return np.ones(len(asked.trace_ids), np.bool_)

    def judged(self, trace_ids: Sequence[int], /) -> None:
        """The facts in `World` tell."""

    def earlier(
        self, wanted: Mapping[int, PendingSpans], must_go_on: Callable[[], bool], /
    ) -> Iterator[tuple[int, EarlierTrace | None]]:
        """First those that cannot have been there before; they cost nothing."""
        world = self._world
        if not world.is_readable:
            raise OSError("the disk is gone")
        if not wanted:
            return
        world.asked.append(frozenset(wanted))
        known = self._known(wanted)
        suspects = wanted.keys() if world.suspects_all else known.keys()
        for trace_id in wanted:
            if trace_id not in suspects:
                yield trace_id, None
        credit = next(world.credits)
        for trace_id in sorted(suspects, key=lambda one: (wanted[one].first_position, one)):
            if credit <= 0 and not must_go_on():
                return
            credit -= 1
            world.read.append(trace_id)
            yield trace_id, known.get(trace_id)

    def _known(self, wanted: Mapping[int, PendingSpans]) -> Mapping[int, EarlierTrace]:
        world = self._world
        answer = {}
        for trace_id, pending in wanted.items():
            kept = [
                frame
                for frame in world.frames[world.kept_from : pending.last_position + 1]
                if frame.arrival_ns >= pending.since_arrival_ns
                and any(trace == trace_id for trace, _ in frame.spans)
            ]
            facts = world.stored.get(trace_id, ())
            has_earlier = any(frame.position < pending.first_position for frame in kept)
            if not facts and not has_earlier:
                continue
            revision = facts[0].revision if facts else None
            complete = world.origins.get(trace_id) in {frame.position for frame in kept}
            if not has_earlier and revision == world.plan.revision:
                kept = []
            plan, table = world.plans[revision or world.plan.revision]
            answer[trace_id] = EarlierTrace(
                frames=tuple(
                    HistoryFrame(frame.position, batch_of(plan, table, frame.spans))
                    for frame in kept
                ),
                revision=revision,
                has_stored_facts=bool(facts),
                complete=complete,
            )
        return answer

    def plan(self, revision: str, /) -> tuple[Plan, ConditionTable] | None:
        return self._world.plans.get(revision) if self._world.knows_plans else None
