"""What a plan says about a vector, worked out once per vector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sloengine.definitions.plan import (
    AllOf,
    CountSpans,
    EverySpan,
    LongerThan,
    Plan,
    Predicate,
    TransactionRule,
)
from sloengine.ottl import ConditionTable, bits_of


class CompiledPlan:
    """Answers per vector id: which definitions could take such a span, what erred on it.

    Its memory is bounded by the vectors of the table, which are bounded by the definitions.
    """

    def __init__(self, plan: Plan, table: ConditionTable) -> None:
        self._table = table
        self._rules = sorted(plan.transactions, key=lambda rule: (-rule.priority, rule.name))
        self._entries: dict[int, list[int]] = {}
        for number, rule in enumerate(self._rules):
            for condition in rule.entry:
                self._entries.setdefault(condition, []).append(number)
        self._ignored = _mask(condition for _, entry in plan.ignore for condition in entry)
        self._places: dict[int, set[tuple[str, str]]] = {}
        users = [(rule.name, set(conditions_of(rule))) for rule in plan.transactions]
        users += [(name, set(entry)) for name, entry in plan.ignore]
        for name, conditions in users:
            for condition in conditions:
                place = (name, plan.conditions[condition].text)
                self._places.setdefault(condition, set()).add(place)
        self._takers: dict[int, tuple[TransactionRule, ...]] = {}
        self._errors: dict[int, tuple[tuple[str, str], ...]] = {}

    def true_bits(self, vector: int) -> int:
        """The conditions that hold on such a span."""
        return self._table.true_bits(vector)

    def takers(self, vector: int) -> tuple[TransactionRule, ...]:
        """The definitions whose `entry` matches, highest priority first, then by name."""
        takers = self._takers.get(vector)
        if takers is None:
            true = bits_of(self._table.true_bits(vector))
            numbers = {number for one in true for number in self._entries.get(one, ())}
            takers = tuple(self._rules[number] for number in sorted(numbers))
            self._takers[vector] = takers
        return takers

    def is_ignored(self, vector: int) -> bool:
        """Whether a `kind: Ignore` names such a span."""
        return bool(self._table.true_bits(vector) & self._ignored)

    def errors(self, vector: int) -> tuple[tuple[str, str], ...]:
        """The distinct (definition, text of a condition) that err on such a span."""
        errors = self._errors.get(vector)
        if errors is None:
            erring = bits_of(self._table.error_bits(vector))
            errors = tuple(sorted({place for one in erring for place in self._places.get(one, ())}))
            self._errors[vector] = errors
        return errors


def _mask(conditions: Iterable[int]) -> int:
    mask = 0
    for condition in conditions:
        mask |= 1 << condition
    return mask


def conditions_of(rule: TransactionRule) -> Iterator[int]:
    """The conditions that a definition reads, those of its `entry` first; some more than once."""
    yield from rule.entry
    if rule.having is not None:
        yield from conditions_in(rule.having)
    for outcome in rule.outcome:
        yield from conditions_in(outcome.when)
    for because in rule.because:
        yield from conditions_in(because.when)


def conditions_in(predicate: Predicate) -> Iterator[int]:
    """The conditions that a predicate reads; some more than once."""
    match predicate:
        case AllOf(parts):
            for part in parts:
                yield from conditions_in(part)
        case LongerThan():
            return
        case EverySpan(of, must_hold, _):
            yield of
            yield must_hold
        case CountSpans(match=condition):
            yield condition
        case _:
            yield predicate.condition
