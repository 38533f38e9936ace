"""Facts and plans for tests of the store, and its oracle: the same promises over a dictionary."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal

from sloengine.definitions.plan import Objective, Plan, SloRule
from sloengine.ottl import parse_fact_condition
from sloengine.store import Counts, CountWindow, Fact, FactBatch

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
SLOT_NS = 10 * SECOND_NS
T0 = 20_000 * DAY_NS
"""Midnight UTC."""

GOOD = 'transaction.outcome == "good"'
FAST = 'transaction.outcome == "good" and transaction.duration < 2000000000'
GOLD = 'transaction.dimensions["tier"] == "gold"'


def make_fact(
    trace_id: int,
    *,
    span: int = 1,
    transaction: str = "checkout",
    end_ns: int = T0,
    duration_ns: int = SECOND_NS,
    outcome: str = "good",
    reason: str = "",
    tier: str = "gold",
    revision: str = "rev-1",
) -> Fact:
    return Fact(
        trace_id=trace_id,
        entry_span_id=span,
        entry_kind=2,
        transaction=transaction,
        definition="d" * 12,
        revision=revision,
        start_ns=end_ns - duration_ns,
        end_ns=end_ns,
        outcome=outcome,
        reason=reason,
        incomplete=False,
        customer=b"c" * 16,
        session=None,
        intent=None,
        amount_micros=5_000_000,
        currency="EUR",
        dimensions={"tier": tier},
    )


def make_slo(
    name: str,
    *,
    transaction: str = "checkout",
    good: str = GOOD,
    total: str | None = None,
    unknown_is_bad: bool = False,
    window_ns: int = 28 * DAY_NS,
    target: str = "0.9",
    indicator: str | None = None,
) -> SloRule:
    return SloRule(
        name=name,
        display_name=name.title(),
        description="",
        service="shop",
        transaction=transaction,
        indicator=indicator or f"i-{name}",
        good=parse_fact_condition(good, ("tier",)),
        total=parse_fact_condition(total, ("tier",)) if total else None,
        unknown_is_bad=unknown_is_bad,
        window_ns=window_ns,
        window_text=f"{window_ns // HOUR_NS}h",
        objectives=(Objective("", Decimal(target)),),
        position="slo.yaml:1",
    )


def make_plan(*slos: SloRule, revision: str = "rev-1", documents: str = "docs") -> Plan:
    return Plan(
        revision=revision,
        commit=None,
        fields=(),
        conditions=(),
        captures=(),
        transactions=(),
        ignore=(),
        slos=tuple(sorted(slos, key=lambda slo: slo.name)),
        documents=documents,
    )


def make_batch(
    *facts: Fact,
    recheck: Iterable[int] = (),
    position: int = 1,
    at_ns: int = T0,
    counters: dict[str, int] | None = None,
) -> FactBatch:
    return FactBatch(facts, frozenset(recheck), position, at_ns, counters or {})


Identity = tuple[int, int, int]


def identity(fact: Fact) -> Identity:
    return fact.trace_id, fact.entry_span_id, fact.entry_kind


def verdict(slo: SloRule, fact: Fact | None) -> str | None:
    """What a fact is to an SLO, read off the definition and evaluated in Python."""
    if fact is None or fact.transaction != slo.transaction:
        return None
    if slo.total is not None and not slo.total.evaluate(fact):
        return None
    if fact.outcome == "excluded":
        return "excluded"
    if fact.outcome == "unknown":
        return "bad" if slo.unknown_is_bad else "unknown"
    return "good" if slo.good.evaluate(fact) else "bad"


def slot(fact: Fact) -> int:
    return fact.end_ns // SLOT_NS * SLOT_NS


class Model:
    """The store's promises over a dictionary of facts, with no thought for speed."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.facts: dict[Identity, Fact] = {}
        self.verdicts: Counter[tuple[str, str]] = Counter()
        self.corrections: Counter[tuple[str, str, str]] = Counter()
        self.corrected: defaultdict[str, list[int]] = defaultdict(list)
        self.durations: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
        self.position: int | None = None

    def commit(self, batch: FactBatch) -> tuple[int, int, int]:
        """Apply a batch; return (new, corrected, unchanged)."""
        given = {identity(fact): fact for fact in batch.facts}
        stored = {key: fact for key, fact in self.facts.items() if key[0] in batch.recheck}
        new = corrected = unchanged = 0
        for key in given.keys() | stored.keys():
            before, after = stored.get(key), given.get(key)
            if before == after:
                unchanged += 1
            elif before is None and after is not None:
                new += 1
                self._first(after)
            else:
                corrected += 1
                self._change(before, after)
            if after is None:
                del self.facts[key]
            else:
                self.facts[key] = after
        self.position = batch.position
        return new, corrected, unchanged

    def _first(self, fact: Fact) -> None:
        key = (fact.transaction, fact.outcome, fact.reason)
        self.durations[key].append(fact.end_ns - fact.start_ns)
        for slo in self.plan.slos:
            if result := verdict(slo, fact):
                self.verdicts[slo.name, result] += 1

    def _change(self, before: Fact | None, after: Fact | None) -> None:
        seen = set()
        for slo in self.plan.slos:
            was, now = verdict(slo, before), verdict(slo, after)
            if was == now:
                continue
            self.corrections[slo.name, was or "none", now or "none"] += 1
            if slo.indicator not in seen:
                seen.add(slo.indicator)
                where = after if after is not None and now else before
                assert where is not None
                self.corrected[slo.indicator].append(slot(where))

    def counts(self, slo: SloRule, window: CountWindow) -> Counts:
        results = Counter(
            verdict(slo, fact)
            for fact in self.facts.values()
            if window.start_ns <= slot(fact) < window.end_ns
        )
        return Counts(
            good=results["good"],
            total=results["good"] + results["bad"],
            excluded=results["excluded"],
            unknown=results["unknown"],
            corrected=sum(
                window.start_ns <= at_ns < window.end_ns for at_ns in self.corrected[slo.indicator]
            ),
        )

    def reasons(self, slo: SloRule, window: CountWindow) -> Counter[tuple[str, str]]:
        return Counter(
            (fact.outcome, fact.reason)
            for fact in self.facts.values()
            if verdict(slo, fact) == "bad" and window.start_ns <= slot(fact) < window.end_ns
        )

    def traffic(self) -> Counter[tuple[str, str]]:
        return Counter((fact.transaction, fact.outcome) for fact in self.facts.values())
