"""Entries that no span ever reaches, because other definitions take each of their spans first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from sloengine.definitions.logic import conjuncts
from sloengine.definitions.plan import TransactionRule
from sloengine.ottl import Condition


def shadowed(
    transactions: Sequence[TransactionRule], conditions: Sequence[Condition]
) -> Iterator[tuple[TransactionRule, list[str]]]:
    """Yield each rule that never gets a span, with the names of those that take them.

    A rule takes every span of another's entry where it asks for nothing that the other does not ask
    for too, has no `having`, and comes first by priority and name.
    """
    asked = {
        index: conjuncts(conditions[index].root) for rule in transactions for index in rule.entry
    }
    common = Counter(part for parts in asked.values() for part in parts)
    # Each taker stands under the rarest thing that it asks for, so that few are looked at.
    takers: dict[str, list[tuple[TransactionRule, frozenset[str]]]] = defaultdict(list)
    for rule in transactions:
        for index in rule.entry if rule.having is None else ():
            rarest = min(asked[index], key=lambda part: (common[part], part))
            takers[rarest].append((rule, asked[index]))
    for rule in transactions:
        names = [_taker(rule, asked[index], takers) for index in rule.entry]
        if names and None not in names:
            yield rule, sorted({name for name in names if name is not None})


def _taker(
    rule: TransactionRule,
    wanted: frozenset[str],
    takers: dict[str, list[tuple[TransactionRule, frozenset[str]]]],
) -> str | None:
    for part in sorted(wanted):
        for taker, parts in takers.get(part, ()):
            first = (-taker.priority, taker.name) < (-rule.priority, rule.name)
            if first and parts <= wanted:
                return taker.name
    return None
