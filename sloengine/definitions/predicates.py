"""The body of a rule, of `having` and of `because`: quantifiers over scopes."""

from __future__ import annotations

from collections.abc import Callable

from sloengine.definitions.conditions import Conditions
from sloengine.definitions.ours import (
    COUNT,
    EVERY_SPAN,
    MOST_SPANS,
    PREDICATE_KEYS,
    QUANTIFIER_KEYS,
)
from sloengine.definitions.plan import (
    AllOf,
    AnySpan,
    CountSpans,
    EntrySpan,
    EverySpan,
    LongerThan,
    NoSpan,
    Predicate,
    Scope,
)
from sloengine.definitions.source import Source
from sloengine.yamldoc import Node

_SCOPES = {"trace": Scope.TRACE, "ancestor": Scope.ANCESTORS}


class PredicateReader:
    """Reads the predicates of one definition."""

    def __init__(self, source: Source, conditions: Conditions) -> None:
        self._source = source
        self._conditions = conditions

    def read(self, node: Node, what: str, extra: tuple[str, ...] = ()) -> Predicate | None:
        """Return what a body says; several keys are AND-ed. `extra` keys are the caller's.

        A problem is noted and gives `None`.
        """
        return self._body(node, what, Scope.SET, extra)

    def _body(
        self, node: Node, what: str, scope: Scope, extra: tuple[str, ...] = ()
    ) -> Predicate | None:
        keys = PREDICATE_KEYS if scope is Scope.SET else QUANTIFIER_KEYS
        if node.is_null or (node.kind == "mapping" and not node.entries):
            self._source.error(
                node, f"{what} is empty and would always hold; add one of {_or(keys)}"
            )
            return None
        members = self._source.mapping(node, what, (*extra, *keys))
        if members is None:
            return None
        present = [key for key in keys if key in members]
        if not present:
            if all(key in extra for key in members):
                self._source.error(
                    node, f"{what} has no condition and would always hold; add one of {_or(keys)}"
                )
            return None
        parts = [self._part(key, members[key], what, scope) for key in present]
        known = tuple(part for part in parts if part is not None)
        if len(known) < len(parts):
            return None
        return known[0] if len(known) == 1 else AllOf(known)

    def _part(self, key: str, node: Node, what: str, scope: Scope) -> Predicate | None:
        inner = f"{what}.{key}"
        if key in _SCOPES:
            return self._body(node, inner, _SCOPES[key])
        readers: dict[str, Callable[[Node, str, Scope], Predicate | None]] = {
            "entry": self._entry,
            "longerThan": self._longer_than,
            "anySpan": self._any_span,
            "noSpan": self._no_span,
            "everySpan": self._every_span,
            "count": self._count,
            "all": self._all,
        }
        return readers[key](node, inner, scope)

    def _entry(self, node: Node, what: str, _scope: Scope) -> Predicate | None:
        condition = self._conditions.condition(self._source, node, what)
        return None if condition is None else EntrySpan(condition)

    def _longer_than(self, node: Node, what: str, _scope: Scope) -> Predicate | None:
        limit_ns = self._source.duration(node, what, positive=False)
        return None if limit_ns is None else LongerThan(limit_ns)

    def _any_span(self, node: Node, what: str, scope: Scope) -> Predicate | None:
        condition = self._conditions.condition(self._source, node, what)
        return None if condition is None else AnySpan(condition, scope)

    def _no_span(self, node: Node, what: str, scope: Scope) -> Predicate | None:
        condition = self._conditions.condition(self._source, node, what)
        return None if condition is None else NoSpan(condition, scope)

    def _every_span(self, node: Node, what: str, scope: Scope) -> Predicate | None:
        members = self._source.mapping(node, what, EVERY_SPAN.keys, EVERY_SPAN.required)
        if members is None:
            return None
        of = self._conditions.condition(self._source, members["of"], f"{what}.of")
        holds = self._conditions.condition(self._source, members["holds"], f"{what}.holds")
        return None if of is None or holds is None else EverySpan(of, holds, scope)

    def _count(self, node: Node, what: str, scope: Scope) -> Predicate | None:
        members = self._source.mapping(node, what, COUNT.keys, COUNT.required)
        if members is None:
            return None
        match = self._conditions.condition(self._source, members["match"], f"{what}.match")
        bounds: dict[str, int | None] = {"atLeast": None, "atMost": None}
        for key in bounds:
            if key in members:
                bounds[key] = self._source.integer(members[key], f"{what}.{key}", 0, MOST_SPANS)
                if bounds[key] is None:
                    return None
        at_least, at_most = bounds["atLeast"], bounds["atMost"]
        if at_least is None and at_most is None:
            self._source.error(node, f"{what} has no bound; add atLeast or atMost")
            return None
        if at_least is not None and at_most is not None and at_least > at_most:
            self._source.error(
                node, f"{what} can never hold: atLeast {at_least} is above atMost {at_most}"
            )
            return None
        return None if match is None else CountSpans(match, at_least, at_most, scope)

    def _all(self, node: Node, what: str, scope: Scope) -> Predicate | None:
        items = self._source.sequence(node, what)
        parts = [self._body(item, f"{what}[{i}]", scope) for i, item in enumerate(items)]
        known = tuple(part for part in parts if part is not None)
        if not parts or len(known) < len(parts):
            return None
        return known[0] if len(known) == 1 else AllOf(known)


def _or(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:-1]) + " or " + keys[-1]
