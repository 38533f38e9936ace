"""The verdict over one trace: which business transactions it holds, and how each ended.

A pure function of the distinct spans. Order of arrival, batching and duplicates cannot reach it.
Linear in the spans of a trace (but for one sort), for each condition and expression that is asked;
nothing recurses over spans.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sloengine.definitions.plan import Outcome, Plan, TransactionRule
from sloengine.ottl import SERVICE_NAME, SPAN_NAME, ConditionTable
from sloengine.ottl.facts import NO_VALUE
from sloengine.processor.compiled import CompiledPlan
from sloengine.processor.counters import Counter
from sloengine.processor.links import Forest, build_forest
from sloengine.processor.predicates import holds
from sloengine.processor.rows import SpanKey, SpanRow
from sloengine.processor.spansets import SpanSets
from sloengine.processor.values import ValueSearch, amount_micros, key_text, keyed_hash
from sloengine.processor.witness import Bench, Witness
from sloengine.store.facts import IGNORED, OTHER, OTHER_SERVICE, OTHER_SPAN, Fact

UNMAPPED = "unmapped"
"""The reason of `other`: no definition says how it should have ended."""
UNDECIDABLE = "incomplete"
"""The reason of a transaction whose deciding rule can neither be shown nor excluded."""

_SERVER, _CONSUMER = 2, 5
_NOBODY = Witness()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The facts of one trace, in preorder of their entries, and what was noticed on the way."""

    facts: tuple[Fact, ...]
    counters: Mapping[str, int]
    condition_errors: Mapping[tuple[str, str], int]
    """By (definition, text of the condition)."""


def judge_trace(
    plan: Plan,
    table: ConditionTable,
    trace_id: int,
    spans: Mapping[SpanKey, SpanRow],
    *,
    forced: bool,
    key: bytes,
    fresh: Collection[SpanKey] | None = None,
) -> Verdict:
    """Judge one trace. For many traces of one plan, keep a `Judge`."""
    return Judge(plan, table, key).judge(trace_id, spans, forced=forced, fresh=fresh)


class Judge:
    """Judges traces by one plan; `table` must be the one that the rows' vectors point into.

    `key` is the store's secret for hashes of customers, sessions and intents. Not thread-safe.
    """

    def __init__(self, plan: Plan, table: ConditionTable, key: bytes) -> None:
        self.plan = plan
        self.table = table
        self._key = key
        self._compiled = CompiledPlan(plan, table)
        self._service_field = plan.fields.index(SERVICE_NAME)
        self._name_field = plan.fields.index(SPAN_NAME)

    def is_whole(self, spans: Mapping[SpanKey, SpanRow]) -> bool:
        """Whether every named parent is there or excused."""
        forest = build_forest(spans.values())
        if not forest.unparented:
            return True
        return not forest.orphans(self._candidates(forest))

    def judge(
        self,
        trace_id: int,
        spans: Mapping[SpanKey, SpanRow],
        *,
        forced: bool = False,
        fresh: Collection[SpanKey] | None = None,
        witness: Witness | None = None,
    ) -> Verdict:
        """Judge a trace by its distinct spans.

        `forced` says that it was closed before its time: it is judged as it stands, and its facts
        are marked incomplete. `fresh` names the spans that no earlier verdict has seen, all of
        them by default; only their erring conditions are counted. `witness` is told every step.
        """
        return _Judgement(self, trace_id, spans, forced, witness or _NOBODY).verdict(fresh)

    def _candidates(self, forest: Forest) -> list[bool]:
        return [bool(self._compiled.takers(row.vector)) for row in forest.rows]


class _Judgement:
    """One trace on the bench."""

    def __init__(
        self,
        judge: Judge,
        trace_id: int,
        spans: Mapping[SpanKey, SpanRow],
        forced: bool,
        witness: Witness,
    ) -> None:
        self._judge = judge
        self._witness = witness
        self._compiled = judge._compiled
        self._trace_id = trace_id
        self._forest = build_forest(spans.values())
        rows = self._forest.rows
        candidate = judge._candidates(self._forest)
        self._candidate = candidate
        tops = self._forest.tops(candidate)
        self._orphans = self._forest.orphans(candidate)
        bits = [self._compiled.true_bits(row.vector) for row in rows]
        self._home = tops[0] if len(tops) == 1 else None
        self._sets = SpanSets(self._forest, bits, home=self._home, orphans=self._orphans)
        self._texts = ValueSearch(self._sets, key_text)
        self._amounts = ValueSearch(self._sets, amount_micros)
        self._incomplete = forced or bool(self._orphans)
        self._counters: Tally[str] = Tally()
        witness.opened(
            Bench(self._sets, candidate, self._orphans, self._home, self._texts, self._amounts)
        )

    def verdict(self, fresh: Collection[SpanKey] | None) -> Verdict:
        entries = self._without_nested(self._taken())
        facts = {entry: self._transaction(entry, rule) for entry, rule in entries.items()}
        for entry in self._unmapped(sorted(entries)):
            facts[entry] = self._other(entry)
        errors = self._errors(fresh)
        self._counters[Counter.INCOMPLETE] = int(self._incomplete)
        self._counters[Counter.ORPHANS] = len(self._orphans)
        self._counters[Counter.CYCLES_CUT] = self._forest.cycles_cut
        self._counters[Counter.CONDITION_ERRORS] = errors.total()
        return Verdict(
            facts=tuple(facts[entry] for entry in sorted(facts)),
            counters={str(name): count for name, count in self._counters.items() if count},
            condition_errors=dict(errors),
        )

    def _taken(self) -> dict[int, TransactionRule]:
        """Which definition takes each candidate, in preorder; some candidates none takes."""
        taken: dict[int, TransactionRule] = {}
        for entry, is_candidate in enumerate(self._candidate):
            if not is_candidate:
                continue
            holding = []
            for rule in self._compiled.takers(self._forest.rows[entry].vector):
                truth = rule.having is None or holds(rule.having, entry, self._sets)
                self._witness.having(entry, rule, truth)
                if truth is None:
                    self._counters[Counter.UNKNOWN_HAVING] += 1
                elif truth:
                    holding.append(rule)
            self._witness.took(entry, holding)
            if holding:
                taken[entry] = holding[0]
                if len(holding) > 1 and holding[1].priority == holding[0].priority:
                    self._counters[Counter.AMBIGUOUS] += 1
        return taken

    def _without_nested(self, taken: Mapping[int, TransactionRule]) -> dict[int, TransactionRule]:
        """The entries that stand below no other entry of their own definition."""
        entries: dict[int, TransactionRule] = {}
        last: dict[str, int] = {}
        for entry, rule in taken.items():
            above = last.get(rule.name)
            if above is None or entry >= self._forest.end[above]:
                entries[entry] = rule
                last[rule.name] = entry
            else:
                self._witness.nested(entry, rule, above)
        return entries

    def _transaction(self, entry: int, rule: TransactionRule) -> Fact:
        row = self._forest.rows[entry]
        outcome, reason = self._outcome(entry, rule)
        return Fact(
            trace_id=self._trace_id,
            entry_span_id=row.span_id,
            entry_kind=row.kind,
            transaction=rule.name,
            definition=rule.definition,
            revision=self._judge.plan.revision,
            start_ns=row.start_ns,
            end_ns=row.end_ns,
            outcome=outcome.value,
            reason=reason,
            incomplete=self._incomplete,
            customer=self._hashed(rule.customer, entry),
            session=self._hashed(rule.session, entry),
            intent=self._hashed(rule.intent, entry),
            amount_micros=self._amounts.first(rule.amount, entry),
            currency=self._texts.first(rule.currency, entry),
            dimensions={
                dimension.name: _or_none(self._texts.first(dimension.captures, entry))
                for dimension in rule.dimensions
            },
        )

    def _outcome(self, entry: int, rule: TransactionRule) -> tuple[Outcome, str]:
        for number, candidate in enumerate(rule.outcome):
            truth = holds(candidate.when, entry, self._sets)
            self._witness.outcome(entry, rule, number, truth)
            if truth is None:
                return Outcome.UNKNOWN, UNDECIDABLE
            if truth:
                return candidate.outcome, self._reason(
                    entry, rule, candidate.outcome, candidate.reason
                )
        return Outcome.GOOD, ""

    def _reason(self, entry: int, rule: TransactionRule, outcome: Outcome, reason: str) -> str:
        if outcome is Outcome.GOOD:
            return ""
        if outcome in (Outcome.FAILED, Outcome.SLOW):
            for number, because in enumerate(rule.because):
                truth = holds(because.when, entry, self._sets)
                self._witness.because(entry, rule, number, truth)
                if truth:
                    return because.reason
        return reason or outcome.value

    def _hashed(self, expressions: tuple[int, ...], entry: int) -> bytes | None:
        text = self._texts.first(expressions, entry)
        return None if text is None else keyed_hash(text, self._judge._key)

    def _unmapped(self, entries: list[int]) -> list[int]:
        """Rows of customer traffic that is in no transaction's set, and their topmost only."""
        forest = self._forest
        # Orphans are left out where the trace has a transaction, whether they joined it or not.
        left_out = self._orphans if entries else []
        spoken_for = {*entries, *left_out}
        found = []
        outside = served = 0
        for index, row in enumerate(forest.rows):
            if index in spoken_for:
                outside = max(outside, forest.end[index])
            if row.kind not in (_SERVER, _CONSUMER) or index < served:
                continue
            served = forest.end[index]
            if index >= outside and not _any_within(entries, index, forest.end[index]):
                found.append(index)
        return found

    def _other(self, entry: int) -> Fact:
        row = self._forest.rows[entry]
        ignored = self._compiled.is_ignored(row.vector)
        return Fact(
            trace_id=self._trace_id,
            entry_span_id=row.span_id,
            entry_kind=row.kind,
            transaction=IGNORED if ignored else OTHER,
            definition="",
            revision=self._judge.plan.revision,
            start_ns=row.start_ns,
            end_ns=row.end_ns,
            outcome=Outcome.UNKNOWN.value,
            reason=IGNORED if ignored else UNMAPPED,
            incomplete=self._incomplete,
            customer=None,
            session=None,
            intent=None,
            amount_micros=None,
            currency=None,
            dimensions={
                OTHER_SERVICE: _or_none(key_text(row.projected[self._judge._service_field])),
                OTHER_SPAN: _or_none(key_text(row.projected[self._judge._name_field])),
            },
        )

    def _errors(self, fresh: Collection[SpanKey] | None) -> Tally[tuple[str, str]]:
        vectors = Tally(
            row.vector for row in self._forest.rows if fresh is None or row.key in fresh
        )
        errors: Tally[tuple[str, str]] = Tally()
        for vector, spans in vectors.items():
            for place in self._compiled.errors(vector):
                errors[place] += spans
        return errors


def _any_within(ordered: list[int], start: int, stop: int) -> bool:
    """Whether an ascending list has a number in [start, stop)."""
    place = bisect_left(ordered, start)
    return place < len(ordered) and ordered[place] < stop


def _or_none(text: str | None) -> str:
    return NO_VALUE if text is None else text
