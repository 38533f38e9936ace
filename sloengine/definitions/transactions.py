"""`kind: BusinessTransaction` and `kind: Ignore` -> rules of the plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sloengine.definitions.canonical import content_hash
from sloengine.definitions.catalogue import RESERVED, Definition
from sloengine.definitions.conditions import Conditions
from sloengine.definitions.ours import (
    AUDIENCE,
    CRITICALITY,
    DEFAULT_DIMENSION_LIMIT,
    DIMENSION,
    DIMENSION_RULE,
    HIGHEST_PRIORITY,
    IGNORE,
    MOST_CUSTOMERS,
    MOST_DIMENSION_VALUES,
    OUTCOMES,
    TOLERANCE,
    TRANSACTION,
    VALUE,
)
from sloengine.definitions.plan import (
    BecauseRule,
    DimensionRule,
    Outcome,
    OutcomeRule,
    Predicate,
    TransactionRule,
)
from sloengine.definitions.predicates import PredicateReader
from sloengine.definitions.source import did_you_mean
from sloengine.ottl import EvaluationError
from sloengine.yamldoc import Node

# What a person may change without changing which facts a trace yields.
_WORDS_ONLY = frozenset(
    {"description", "criticality", "audience", "tolerance", "promise", "retryWindow"}
)
_RETRY_WINDOW_NS = 300 * 10**9
_DIMENSION_NAME = re.compile(DIMENSION)


def declared_dimensions(definition: Definition) -> list[str]:
    """Return the names under `spec.dimensions`, whatever else is wrong with the definition."""
    dimensions = definition.spec.entries.get("dimensions")
    return sorted(dimensions.entries) if dimensions is not None else []


def read_transaction(definition: Definition, conditions: Conditions) -> TransactionRule | None:
    """Return the rule of a BusinessTransaction; `None` where its problems leave none."""
    return _TransactionReader(definition, conditions).read()


def read_ignore(definition: Definition, conditions: Conditions) -> tuple[str, tuple[int, ...]]:
    """Return the name and the entry conditions of an Ignore; problems are noted."""
    source = definition.source
    members = source.mapping(definition.spec, "spec", IGNORE.keys, IGNORE.required)
    if members is None:
        return definition.name, ()
    if "description" in members:
        source.text(members["description"], "spec.description")
    return definition.name, _entry(definition, conditions, members["entry"])


@dataclass(frozen=True, slots=True)
class _Tolerance:
    duration_ns: int | None = None
    customers: int | None = None


class _TransactionReader:
    def __init__(self, definition: Definition, conditions: Conditions) -> None:
        self._definition = definition
        self._source = definition.source
        self._conditions = conditions
        self._predicates = PredicateReader(definition.source, conditions)

    def read(self) -> TransactionRule | None:
        definition, source = self._definition, self._source
        if definition.name in RESERVED:
            source.error(
                source.document.position(("metadata", "name")),
                f'the name "{definition.name}" is kept for {RESERVED[definition.name]}; rename it',
            )
        members = source.mapping(definition.spec, "spec", TRANSACTION.keys, TRANSACTION.required)
        if members is None:
            return None
        value = self._value(members.get("value"))
        tolerance = self._tolerance(members.get("tolerance"))
        return TransactionRule(
            name=definition.name,
            display_name=definition.display_name or definition.name,
            definition=content_hash(definition.source.document.root, without=_WORDS_ONLY),
            entry=_entry(definition, self._conditions, members["entry"]),
            priority=self._integer(members, "priority") or 0,
            having=self._having(members.get("having")),
            outcome=self._outcomes(members.get("outcome")),
            because=self._because(members.get("because")),
            customer=self._chain(members, "customer"),
            session=self._chain(members, "session"),
            intent=self._chain(members, "intent"),
            amount=value[0],
            currency=value[1],
            dimensions=self._dimensions(members.get("dimensions")),
            description=self._text(members, "description"),
            criticality=self._choice(members, "criticality", CRITICALITY) or "medium",
            audience=self._choice(members, "audience", AUDIENCE) or "external",
            tolerance_duration_ns=tolerance.duration_ns,
            tolerance_customers=tolerance.customers,
            retry_window_ns=self._retry_window(members.get("retryWindow")),
            annotations=dict(sorted(definition.annotations.items())),
        )

    def _text(self, members: Mapping[str, Node], key: str) -> str:
        return self._source.text(members[key], f"spec.{key}") or "" if key in members else ""

    def _choice(
        self, members: Mapping[str, Node], key: str, choices: tuple[str, ...]
    ) -> str | None:
        return self._source.choice(members[key], f"spec.{key}", choices) if key in members else None

    def _integer(self, members: Mapping[str, Node], key: str) -> int | None:
        if key not in members:
            return None
        return self._source.integer(
            members[key], f"spec.{key}", -HIGHEST_PRIORITY, HIGHEST_PRIORITY
        )

    def _chain(self, members: Mapping[str, Node], key: str) -> tuple[int, ...]:
        if key not in members:
            return ()
        return self._conditions.chain(self._source, members[key], f"spec.{key}")

    def _retry_window(self, node: Node | None) -> int:
        given = None if node is None else self._source.duration(node, "spec.retryWindow")
        return _RETRY_WINDOW_NS if given is None else given

    def _having(self, node: Node | None) -> Predicate | None:
        return None if node is None else self._predicates.read(node, "spec.having")

    def _outcomes(self, node: Node | None) -> tuple[OutcomeRule, ...]:
        if node is None:
            return ()
        rules = []
        for index, item in enumerate(self._source.sequence(node, "spec.outcome")):
            rule = self._outcome(item, f"spec.outcome[{index}]")
            if rule is not None:
                rules.append(rule)
        return tuple(rules)

    def _outcome(self, item: Node, what: str) -> OutcomeRule | None:
        pair = self._single(item, what, "an outcome")
        if pair is None:
            return None
        key, body = pair
        if key not in OUTCOMES:
            cure = did_you_mean(key, OUTCOMES)
            self._source.error(item.entries[key].key_position, f'no outcome is "{key}"{cure}')
            return None
        outcome = Outcome(key)
        good = outcome is Outcome.GOOD
        when = self._predicates.read(body, f"{what}.{key}", () if good else ("reason",))
        reason = "" if good else key
        if not good and "reason" in body.entries:
            reason = self._source.text(body.entries["reason"], f"{what}.{key}.reason") or key
        return None if when is None else OutcomeRule(outcome, reason, when)

    def _because(self, node: Node | None) -> tuple[BecauseRule, ...]:
        if node is None:
            return ()
        rules = []
        for index, item in enumerate(self._source.sequence(node, "spec.because")):
            what = f"spec.because[{index}]"
            pair = self._single(item, what, "a reason")
            if pair is None:
                continue
            when = self._predicates.read(pair[1], f"{what}.{pair[0]}")
            if when is not None:
                rules.append(BecauseRule(pair[0], when))
        return tuple(rules)

    def _single(self, item: Node, what: str, noun: str) -> tuple[str, Node] | None:
        """Return the one key and value of a rule."""
        if item.kind != "mapping" or len(item.entries) != 1:
            self._source.error(
                item, f"{what} must be {noun} and its rule, like - failed: {{entry: '…'}}"
            )
            return None
        return next(iter(item.entries.items()))

    def _value(self, node: Node | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
        if node is None:
            return (), ()
        members = self._source.mapping(node, "spec.value", VALUE.keys, VALUE.required)
        if members is None:
            return (), ()
        return (
            self._conditions.chain(self._source, members["amount"], "spec.value.amount"),
            self._conditions.chain(self._source, members["currency"], "spec.value.currency"),
        )

    def _dimensions(self, node: Node | None) -> tuple[DimensionRule, ...]:
        if node is None:
            return ()
        members = self._source.free_mapping(node, "spec.dimensions")
        rules = [self._dimension(name, members[name]) for name in sorted(members)]
        return tuple(rule for rule in rules if rule is not None)

    def _dimension(self, name: str, node: Node) -> DimensionRule | None:
        what = f"spec.dimensions.{name}"
        if not _DIMENSION_NAME.fullmatch(name):
            self._source.error(
                node.key_position,
                f'the dimension "{name}" must be letters, digits, "_", "." and "-", with a letter '
                "first; rename it",
            )
        members = self._source.mapping(node, what, DIMENSION_RULE.keys, DIMENSION_RULE.required)
        if members is None:
            return None
        limit: int | None = DEFAULT_DIMENSION_LIMIT
        if "limit" in members:
            limit = self._source.integer(
                members["limit"], f"{what}.limit", 1, MOST_DIMENSION_VALUES
            )
        captures = self._conditions.chain(self._source, members["from"], f"{what}.from")
        return None if limit is None else DimensionRule(name, captures, limit)

    def _tolerance(self, node: Node | None) -> _Tolerance:
        if node is None:
            return _Tolerance()
        members = self._source.mapping(node, "spec.tolerance", TOLERANCE.keys)
        if members is None:
            return _Tolerance()
        duration, customers = members.get("duration"), members.get("customers")
        if not members:
            self._source.error(node, "spec.tolerance is empty; add duration or customers")
        return _Tolerance(
            self._source.duration(duration, "spec.tolerance.duration") if duration else None,
            self._source.integer(customers, "spec.tolerance.customers", 0, MOST_CUSTOMERS)
            if customers
            else None,
        )


def _entry(definition: Definition, conditions: Conditions, node: Node) -> tuple[int, ...]:
    """Return the entry conditions; one that no span can ever match is an error."""
    source = definition.source
    indices = []
    for item in source.one_or_more(node, "spec.entry"):
        index = conditions.condition(source, item, "spec.entry")
        if index is None:
            continue
        if _is_never(conditions, index):
            source.error(item, "this entry is false for every span; write what it should match")
            continue
        indices.append(index)
    return tuple(indices)


def _is_never(conditions: Conditions, index: int) -> bool:
    condition = conditions.conditions[index]
    if condition.fields:
        return False
    try:
        return not condition.evaluate({})
    except EvaluationError:
        return True
