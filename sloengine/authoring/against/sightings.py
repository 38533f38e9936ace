"""`Sightings`: what a set of definitions found in real traces, counted while they are scanned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sloengine.authoring.scan import SeenSpan, SeenTrace, Watcher
from sloengine.definitions import Plan, TransactionRule
from sloengine.ottl import SERVICE_NAME, SPAN_NAME, ConditionTable
from sloengine.processor import Bench, Verdict
from sloengine.processor.compiled import conditions_in
from sloengine.processor.values import key_text
from sloengine.store import IGNORED, OTHER, OTHER_SERVICE, OTHER_SPAN

_MOST_PLACES = 5_000
"""Pairs of service and span name that are told apart; names of spans may hold ids."""
_MOST_KEYS = 5_000
REST = ("", "(other names)")

Place = tuple[str, str]
"""Service and span name."""


@dataclass(slots=True)
class FieldSightings:
    """Where one field that definitions read was found."""

    found: Counter[Place] = field(default_factory=Counter)
    """Spans on which it is not nil."""

    @property
    def spans(self) -> int:
        """Spans on which it was found."""
        return self.found.total()


@dataclass(slots=True)
class ValueSightings:
    """How often the transactions of one definition had one of their values."""

    transactions: int = 0
    found: int = 0
    places: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """(expression, where, service, span name) that gave it."""


@dataclass(frozen=True, slots=True)
class Use:
    """A place in a definition where a condition stands."""

    definition: str
    rule: str
    """`entry`, `having`, the outcome of a rule with its reason, or `because` with its reason."""
    condition: int


def uses_of(plan: Plan) -> tuple[Use, ...]:
    """Return every place where a condition stands, in the order of the definitions."""
    return tuple(use for rule in plan.transactions for use in _uses(rule)) + tuple(
        Use(name, "entry", condition) for name, entry in plan.ignore for condition in entry
    )


def _uses(rule: TransactionRule) -> Iterator[Use]:
    parts: list[tuple[str, Iterator[int]]] = [("entry", iter(rule.entry))]
    if rule.having is not None:
        parts.append(("having", conditions_in(rule.having)))
    for outcome in rule.outcome:
        name = outcome.outcome.value
        reason = f" {outcome.reason}" if outcome.reason and outcome.reason != name else ""
        parts.append((name + reason, conditions_in(outcome.when)))
    parts += [(f"because {item.reason}", conditions_in(item.when)) for item in rule.because]
    seen: set[tuple[str, int]] = set()
    for where, conditions in parts:
        for condition in conditions:
            if (where, condition) not in seen:
                seen.add((where, condition))
                yield Use(rule.name, where, condition)


def values_of(rule: TransactionRule) -> list[tuple[str, Sequence[int]]]:
    """Return the values that a definition takes from its spans: name, expressions in order."""
    named = [
        ("customer", rule.customer),
        ("session", rule.session),
        ("intent", rule.intent),
        ("amount", rule.amount),
        ("currency", rule.currency),
        *((dimension.name, dimension.captures) for dimension in rule.dimensions),
    ]
    return [(name, chain) for name, chain in named if chain]


class Sightings(Watcher):
    """Counts, in bounded memory, where fields were found, what held, and what matched."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.spans = 0
        self.traces = 0
        self.places: Counter[Place] = Counter()
        """All spans."""
        self.fields = {wanted: FieldSightings() for wanted in plan.fields}
        self.outcomes: Counter[tuple[str, str, str]] = Counter()
        """(transaction, outcome, reason)."""
        self.values: dict[tuple[str, str], ValueSightings] = {
            (rule.name, name): ValueSightings()
            for rule in plan.transactions
            for name, _ in values_of(rule)
        }
        self.unmapped: Counter[Place] = Counter()
        self.keys: set[str] = set()
        """Attribute keys that were seen, of spans and resources; the first few thousand."""
        self._rules = {rule.name: rule for rule in plan.transactions}
        self._service = plan.fields.index(SERVICE_NAME)
        self._name = plan.fields.index(SPAN_NAME)
        self._vectors: Counter[int] = Counter()

    def begin(self, table: ConditionTable) -> None:
        """Remember what vectors mean."""
        self._table = table

    @property
    def held(self) -> Counter[int]:
        """Spans on which each condition holds."""
        return self._counted(self._table.true_bits)

    @property
    def erred(self) -> Counter[int]:
        """Spans on which each condition errs."""
        return self._counted(self._table.error_bits)

    def _counted(self, bits_of: Callable[[int], int]) -> Counter[int]:
        counted: Counter[int] = Counter()
        for vector, spans in self._vectors.items():
            bits = bits_of(vector)
            for condition in range(len(self.plan.conditions)):
                if bits >> condition & 1:
                    counted[condition] += spans
        return counted

    def span(self, span: SeenSpan) -> None:
        """Count what one span has."""
        self.spans += 1
        place = self._bounded(self.places, (span.service, span.name))
        self.places[place] += 1
        self._vectors[span.row.vector] += 1
        for wanted, value in zip(self.plan.fields, span.row.projected, strict=True):
            if value is not None:
                self.fields[wanted].found[place] += 1
        if len(self.keys) < _MOST_KEYS:
            self.keys.update(span.attributes)
            self.keys.update(span.resource)

    def trace(self, trace: SeenTrace, verdict: Verdict, bench: Bench) -> None:  # noqa: ARG002  # the watcher's form
        """Count what one trace came to."""
        self.traces += 1
        rows = {row.key: index for index, row in enumerate(bench.sets.forest.rows)}
        for fact in verdict.facts:
            self.outcomes[fact.transaction, fact.outcome, fact.reason] += 1
            if fact.transaction == OTHER:
                named = (fact.dimensions[OTHER_SERVICE], fact.dimensions[OTHER_SPAN])
                self.unmapped[self._bounded(self.unmapped, named)] += 1
            elif fact.transaction != IGNORED:
                self._values(
                    self._rules[fact.transaction], rows[fact.entry_span_id, fact.entry_kind], bench
                )

    def transactions(self, name: str) -> int:
        """Return how many transactions a definition has."""
        return sum(number for (found, _, _), number in self.outcomes.items() if found == name)

    @property
    def is_wanting(self) -> bool:
        """Whether a definition matched nothing, or reads an attribute that is on no span."""
        return any(not self.transactions(rule.name) for rule in self.plan.transactions) or any(
            wanted.has_key and not found.spans for wanted, found in self.fields.items()
        )

    @property
    def mapped(self) -> int:
        """Transactions of all definitions."""
        return sum(self.transactions(rule.name) for rule in self.plan.transactions)

    def never_held(self) -> list[Use]:
        """Return the uses of conditions that held on no span."""
        held = self.held
        return [use for use in uses_of(self.plan) if not held[use.condition]]

    def _values(self, rule: TransactionRule, entry: int, bench: Bench) -> None:
        for name, chain in values_of(rule):
            sightings = self.values[rule.name, name]
            sightings.transactions += 1
            search = bench.amounts if name == "amount" and chain is rule.amount else bench.texts
            place = search.place(chain, entry)
            if place is None:
                continue
            sightings.found += 1
            expression, index = place
            row = bench.sets.forest.rows[index]
            where = "span set"
            if index == entry:
                where = "entry"
            elif index < entry < bench.sets.forest.end[index]:
                where = "ancestor"
            service = key_text(row.projected[self._service]) or ""
            span_name = key_text(row.projected[self._name]) or ""
            key = (self.plan.captures[expression].text, where, service, span_name)
            if key in sightings.places or len(sightings.places) < _MOST_PLACES:
                sightings.places[key] += 1

    def _bounded(self, places: Counter[Place], place: Place) -> Place:
        return place if place in places or len(places) < _MOST_PLACES else REST
