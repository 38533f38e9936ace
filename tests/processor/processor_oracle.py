"""Business transactions as the design's text has them, in the most naive way that can be written.

Sets and recursion over small traces, nothing shared with the processor but the types that go in
and come out. Spans come as `OracleSpan`: what each condition says is given, not worked out.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from sloengine.definitions.plan import (
    AllOf,
    AnySpan,
    CountSpans,
    EntrySpan,
    EverySpan,
    LongerThan,
    NoSpan,
    Outcome,
    Plan,
    Predicate,
    Scope,
    TransactionRule,
)
from sloengine.ottl import EvaluationError, Value, text_of
from sloengine.store.facts import Fact

T = TypeVar("T")

CHAIN_ORDER = ["client", "producer", "unspecified", "internal", "server", "consumer"]
KIND_NAMES = ["unspecified", "internal", "server", "client", "producer", "consumer"]


@dataclass(frozen=True, eq=False)
class OracleSpan:
    span_id: int
    parent_id: int
    kind: int
    start_ns: int
    end_ns: int
    name: str
    service: str | None
    true: frozenset[int]
    errs: frozenset[int]
    values: Mapping[int, Value]
    projected: tuple[Value, ...]


def type_rank(value: Value) -> int:
    if value is None:
        return 0
    for rank, kind in enumerate([bool, int, float, str, bytes], 1):
        if isinstance(value, kind):
            return rank
    return 6


def compare(left: Value, right: Value) -> int:
    """Nil < bool < int < double < string < bytes < JSON."""
    if type_rank(left) != type_rank(right):
        return -1 if type_rank(left) < type_rank(right) else 1
    if left is None:
        return 0
    if isinstance(left, float) and isinstance(right, float):
        a, b = (
            (math.isnan(x), 0.0 if math.isnan(x) else x, math.copysign(1, x)) for x in (left, right)
        )
        return -1 if a < b else int(a > b)
    if isinstance(left, list | dict):
        left, right = (
            json.dumps(x, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            for x in (left, right)
        )
    return -1 if left < right else int(left > right)  # type: ignore[operator]  # of one type


def wins(left: OracleSpan, right: OracleSpan) -> int:
    for a, b in [
        (left.end_ns, right.end_ns),
        (left.start_ns, right.start_ns),
        (left.parent_id, right.parent_id),
        *zip(left.projected, right.projected, strict=True),
    ]:
        order = compare(a, b)
        if order:
            return order
    return 0


class Oracle:
    def __init__(self, plan: Plan, trace_id: int, spans: Iterable[OracleSpan], key: bytes) -> None:
        self.plan, self.trace_id, self.key = plan, trace_id, key
        groups: dict[tuple[int, int], list[OracleSpan]] = {}
        for span in spans:
            groups.setdefault((span.span_id, span.kind), []).append(span)
        self.spans = [max(group, key=functools.cmp_to_key(wins)) for group in groups.values()]
        self.counts: Counter[str] = Counter()
        self.link()
        self.candidates = {span for span in self.spans if self.matching(span)}
        self.orphans = {
            span
            for span in self.missing_parent
            if not any(c is span or span in self.ancestors(c) for c in self.candidates)
        }
        self.orphan_chains = {
            span for span in self.spans for o in self.orphans if span in self.family(o)
        }
        self.topmost = {
            c for c in self.candidates if not any(a in self.candidates for a in self.ancestors(c))
        }

    # Links

    def link(self) -> None:
        self.parent: dict[OracleSpan, OracleSpan | None] = {}
        self.missing_parent = set()
        for span in self.spans:
            chain = self.chain(span.span_id)
            place = chain.index(span)
            if place > 0:
                self.parent[span] = chain[place - 1]
                continue
            named = self.chain(span.parent_id) if span.parent_id else []
            self.parent[span] = named[-1] if named else None
            if span.parent_id and not named:
                self.missing_parent.add(span)
        while True:
            cycle = next((c for c in map(self.cycle_through, self.spans) if c), None)
            if cycle is None:
                break
            first = min(cycle, key=lambda s: (s.start_ns, s.span_id, s.kind))
            self.parent[first] = None
            self.counts["cycles"] += 1

    def chain(self, span_id: int) -> list[OracleSpan]:
        chain = [span for span in self.spans if span.span_id == span_id]
        return sorted(chain, key=lambda span: CHAIN_ORDER.index(KIND_NAMES[span.kind]))

    def cycle_through(self, span: OracleSpan) -> list[OracleSpan]:
        path = [span]
        while (above := self.parent[path[-1]]) is not None:
            if above is span:
                return path
            if above in path:
                return []
            path.append(above)
        return []

    def ancestors(self, span: OracleSpan) -> list[OracleSpan]:
        above = self.parent[span]
        return [] if above is None else [above, *self.ancestors(above)]

    def family(self, span: OracleSpan) -> set[OracleSpan]:
        below = [s for s in self.spans if self.parent[s] is span]
        return {span}.union(*(self.family(s) for s in below))

    # Scopes

    def span_set(self, entry: OracleSpan) -> set[OracleSpan]:
        if self.topmost == {entry}:
            return self.family(entry) | self.orphan_chains
        return self.family(entry)

    def scope(self, scope: Scope, entry: OracleSpan) -> set[OracleSpan]:
        if scope is Scope.TRACE:
            return set(self.spans)
        return set(self.ancestors(entry)) if scope is Scope.ANCESTORS else self.span_set(entry)

    # Predicates

    def holds(self, predicate: Predicate, entry: OracleSpan) -> bool | None:
        if isinstance(predicate, EntrySpan):
            return predicate.condition in entry.true
        if isinstance(predicate, LongerThan):
            duration = entry.end_ns - entry.start_ns
            return False if duration < 0 else duration > predicate.limit_ns
        if isinstance(predicate, AllOf):
            truths = [self.holds(part, entry) for part in predicate.parts]
            return False if False in truths else None if None in truths else True
        spans = self.scope(predicate.scope, entry)
        if isinstance(predicate, AnySpan):
            return self.presence(any(predicate.condition in s.true for s in spans))
        if isinstance(predicate, NoSpan):
            return self.absence(all(predicate.condition not in s.true for s in spans))
        if isinstance(predicate, EverySpan):
            return self.absence(
                all(predicate.holds in s.true for s in spans if predicate.of in s.true)
            )
        assert isinstance(predicate, CountSpans)
        count = len([s for s in spans if predicate.match in s.true])
        low: bool | None = True
        high: bool | None = True
        if predicate.at_least is not None:
            low = self.presence(count >= predicate.at_least)
        if predicate.at_most is not None:
            high = self.absence(count <= predicate.at_most)
        return False if low is False or high is False else None if None in (low, high) else True

    def presence(self, shown: bool) -> bool | None:
        return True if shown else (None if self.orphans else False)

    def absence(self, as_far_as_seen: bool) -> bool | None:
        return (None if self.orphans else True) if as_far_as_seen else False

    # Which definition takes a span

    def matching(self, span: OracleSpan) -> list[TransactionRule]:
        return [r for r in self.plan.transactions if any(c in span.true for c in r.entry)]

    def entries(self) -> dict[OracleSpan, TransactionRule]:
        taken = {}
        for span in self.candidates:
            holding = []
            for rule in self.matching(span):
                truth = True if rule.having is None else self.holds(rule.having, span)
                self.counts["unknown having"] += truth is None
                if truth:
                    holding.append(rule)
            if holding:
                highest = max(rule.priority for rule in holding)
                best = sorted(r.name for r in holding if r.priority == highest)
                self.counts["ambiguous"] += len(best) > 1
                taken[span] = next(r for r in holding if r.name == best[0])
        return {
            span: rule
            for span, rule in taken.items()
            if not any(a in taken and taken[a].name == rule.name for a in self.ancestors(span))
        }

    # Verdicts

    def facts(self) -> list[Fact]:
        entries = self.entries()
        facts = [self.transaction(span, rule) for span, rule in entries.items()]
        in_sets: set[OracleSpan] = set().union(*map(self.span_set, entries))
        for span in self.spans:
            is_customer_traffic = (
                span.kind in (2, 5)
                and span not in in_sets
                and not any(a.kind in (2, 5) for a in self.ancestors(span))
                and not any(span in self.ancestors(e) for e in entries)
                and not (entries and span in self.orphan_chains)
            )
            if is_customer_traffic:
                facts.append(self.other(span))
        return sorted(facts, key=lambda fact: (fact.entry_span_id, fact.entry_kind))

    def transaction(self, entry: OracleSpan, rule: TransactionRule) -> Fact:
        outcome, reason = self.outcome(entry, rule)
        hashed = {
            name: self.hashed(self.search(expressions, entry, text))
            for name, expressions in [
                ("customer", rule.customer),
                ("session", rule.session),
                ("intent", rule.intent),
            ]
        }
        return Fact(
            trace_id=self.trace_id,
            entry_span_id=entry.span_id,
            entry_kind=entry.kind,
            transaction=rule.name,
            definition=rule.definition,
            revision=self.plan.revision,
            start_ns=entry.start_ns,
            end_ns=entry.end_ns,
            outcome=outcome,
            reason=reason,
            incomplete=bool(self.orphans),
            amount_micros=self.search(rule.amount, entry, micros),
            currency=self.search(rule.currency, entry, text),
            dimensions={
                d.name: found if found is not None else "__none__"
                for d in rule.dimensions
                for found in [self.search(d.captures, entry, text)]
            },
            **hashed,
        )

    def outcome(self, entry: OracleSpan, rule: TransactionRule) -> tuple[str, str]:
        for candidate in rule.outcome:
            truth = self.holds(candidate.when, entry)
            if truth is None:
                return "unknown", "incomplete"
            if truth:
                reasons = [candidate.reason or candidate.outcome.value]
                if candidate.outcome in (Outcome.SLOW, Outcome.FAILED):
                    certain = [b.reason for b in rule.because if self.holds(b.when, entry) is True]
                    reasons = certain + reasons
                is_good = candidate.outcome is Outcome.GOOD
                return candidate.outcome.value, "" if is_good else reasons[0]
        return "good", ""

    def search(
        self, expressions: Sequence[int], entry: OracleSpan, read: Callable[[Value], T | None]
    ) -> T | None:
        in_time = sorted(self.span_set(entry), key=lambda s: (s.start_ns, s.span_id, s.kind))
        for expression in expressions:
            for span in [entry, *self.ancestors(entry), *in_time]:
                found = read(span.values.get(expression))
                if found is not None:
                    return found
        return None

    def errors(self) -> Counter[tuple[str, str]]:
        """Once per (definition, condition, span)."""
        users = {r.name: used_by(r) for r in self.plan.transactions}
        users |= {name: set(entry) for name, entry in self.plan.ignore}
        return Counter(
            (name, self.plan.conditions[condition].text)
            for name, conditions in users.items()
            for span in self.spans
            for condition in conditions & span.errs
        )

    def hashed(self, key_text: str | None) -> bytes | None:
        if key_text is None:
            return None
        return hashlib.blake2b(key_text.encode(), key=self.key, digest_size=16).digest()

    def other(self, span: OracleSpan) -> Fact:
        ignored = any(c in span.true for _, entry in self.plan.ignore for c in entry)
        return Fact(
            trace_id=self.trace_id,
            entry_span_id=span.span_id,
            entry_kind=span.kind,
            transaction="ignored" if ignored else "other",
            definition="",
            revision=self.plan.revision,
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            outcome="unknown",
            reason="ignored" if ignored else "unmapped",
            incomplete=bool(self.orphans),
            customer=None,
            session=None,
            intent=None,
            amount_micros=None,
            currency=None,
            dimensions={
                "service.name": "__none__" if span.service is None else span.service,
                "span.name": span.name,
            },
        )


def used_by(rule: TransactionRule) -> set[int]:
    predicates = [r.when for r in rule.outcome] + [r.when for r in rule.because]
    predicates += [rule.having] if rule.having else []
    return set(rule.entry).union(*map(used_in, predicates))


def used_in(predicate: Predicate) -> set[int]:
    if isinstance(predicate, AllOf):
        return set[int]().union(*map(used_in, predicate.parts))
    if isinstance(predicate, LongerThan):
        return set()
    if isinstance(predicate, EverySpan):
        return {predicate.of, predicate.holds}
    return {predicate.match if isinstance(predicate, CountSpans) else predicate.condition}


def text(value: Value) -> str | None:
    """String(value), which is not the processor's to say; nil where it errs."""
    try:
        return text_of(value)
    except EvaluationError:
        return None


def micros(value: Value) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    amount = round(Fraction(value) * 10**6)
    return amount if abs(amount) < 2**63 else None
