"""An SLO's window by value of a dimension, and what its transactions were worth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from sloengine.definitions.plan import DimensionRule, Plan, SloRule, TransactionRule
from sloengine.definitions.source import did_you_mean
from sloengine.errors import OperatorError
from sloengine.evaluate.adjust import Adjusted
from sloengine.evaluate.evaluation import Amount, Breakdown, Money, Part
from sloengine.store import OTHER_VALUE, Counts, CountWindow, PartCount, StoreReader


@dataclass(frozen=True, slots=True)
class Found:
    """What stored facts say about one SLO's window."""

    facts_since_ns: int
    dimensions: tuple[str, ...] = ()
    dimension: DimensionRule | None = None
    has_value: bool = False
    rows: tuple[PartCount, ...] = ()

    def money(self) -> Money | None:
        """Return what the window's transactions were worth."""
        return _money(self.rows) if self.has_value else None

    def breakdown(self, counts: Counts, budget: Fraction | None) -> Breakdown | None:
        """Return the window, which has `counts` and may have `budget` bad events, by value."""
        if self.dimension is None:
            return None
        return _breakdown(self.dimension, self.rows, counts, budget, has_value=self.has_value)


def find(
    reader: StoreReader,
    plan: Plan,
    rule: SloRule,
    window: CountWindow,
    adjusted: Adjusted,
    *,
    by: str | None,
    facts_since_ns: int,
) -> Found:
    """Ask the store about one SLO's window; only where there is something to ask."""
    transaction = _transactions(plan).get(rule.transaction)
    since_ns = max(window.start_ns, facts_since_ns)
    if transaction is None:
        return Found(since_ns)
    dimension = next((one for one in transaction.dimensions if one.name == by), None)
    has_value = bool(transaction.amount)
    rows: tuple[PartCount, ...] = ()
    if has_value or dimension is not None:
        name = None if dimension is None else dimension.name
        rows = reader.parts(rule, window, name, adjusted.periods, adjusted.conditions)
    names = tuple(one.name for one in transaction.dimensions)
    return Found(since_ns, names, dimension, has_value, rows)


def require_dimension(plan: Plan, slos: Sequence[SloRule], name: str) -> None:
    """Raise OperatorError where none of the SLOs counts a transaction that has the dimension."""
    transactions = _transactions(plan)
    declared = {
        dimension.name
        for slo in slos
        if slo.transaction in transactions
        for dimension in transactions[slo.transaction].dimensions
    }
    if name in declared:
        return
    counted = {slo.transaction for slo in slos}
    who = f'transaction "{counted.pop()}" does not declare' if len(counted) == 1 else "no SLO has"
    cure = did_you_mean(name, declared) or "; add it under spec.dimensions of the transaction"
    raise OperatorError(f'dimension "{name}": {who} it{cure}')


def _transactions(plan: Plan) -> Mapping[str, TransactionRule]:
    return {transaction.name: transaction for transaction in plan.transactions}


@dataclass(slots=True)
class _Value:
    """All rows of one value of a dimension, or of several that are shown as one."""

    counts: Counter[str] = field(default_factory=Counter)
    rows: list[PartCount] = field(default_factory=list)

    def add(self, rows: Iterable[PartCount]) -> None:
        for row in rows:
            self.counts[row.result] += row.events
            self.rows.append(row)

    @property
    def total(self) -> int:
        return self.counts["good"] + self.counts["bad"]


def _breakdown(
    dimension: DimensionRule,
    rows: Sequence[PartCount],
    counts: Counts,
    budget: Fraction | None,
    *,
    has_value: bool,
) -> Breakdown:
    values: dict[str, _Value] = defaultdict(_Value)
    for row in rows:
        values[row.value].add([row])
    rest = values.pop(OTHER_VALUE, None)
    is_capped = rest is not None
    most_first = sorted(values, key=lambda value: (-values[value].total, value))
    for value in most_first[dimension.limit :]:
        rest = rest or _Value()
        rest.add(values[value].rows)
    bad = counts.total - counts.good

    def part(value: str, found: Mapping[str, int], money: Money | None) -> Part:
        return Part(
            value=value,
            good=found["good"],
            total=found["good"] + found["bad"],
            excluded=found["excluded"],
            unknown=found["unknown"],
            share_of_bad=Fraction(found["bad"], bad) if bad else None,
            budget_used=found["bad"] / budget if budget else None,
            money=money,
        )

    def shown(value: str, found: _Value) -> Part:
        return part(value, found.counts, _money(found.rows) if has_value else None)

    parts = [shown(value, values[value]) for value in most_first[: dimension.limit]]
    parts.sort(key=lambda one: (-one.bad, -one.total, one.value))
    if rest is not None:
        parts.append(shown(OTHER_VALUE, rest))
    untold = {
        "good": counts.good - sum(one.good for one in parts),
        "bad": bad - sum(one.bad for one in parts),
        "excluded": counts.excluded - sum(one.excluded for one in parts),
        "unknown": counts.unknown - sum(one.unknown for one in parts),
    }
    return Breakdown(
        dimension=dimension.name,
        limit=dimension.limit,
        values=len(most_first),
        is_capped=is_capped,
        parts=tuple(parts),
        untold=part("", untold, None) if any(untold.values()) else None,
    )


def _money(rows: Collection[PartCount]) -> Money:
    micros: Counter[tuple[str | None, str]] = Counter()
    events: Counter[str | None] = Counter()
    without: Counter[str] = Counter()
    further = 0
    for row in rows:
        if not row.is_valued:
            without[row.result] += row.events
        elif row.is_summed:
            micros[row.currency, row.result] += row.micros
            events[row.currency] += row.events
        else:
            further += row.events
    order = sorted(events, key=lambda currency: (-events[currency], currency or ""))
    return Money(
        amounts=tuple(
            Amount(
                currency=currency,
                transactions=events[currency],
                total_micros=micros[currency, "good"] + micros[currency, "bad"],
                good_micros=micros[currency, "good"],
            )
            for currency in order
        ),
        good_without=without["good"],
        bad_without=without["bad"],
        further=further,
    )
