"""What differs in a business transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sloengine.authoring.diff.changes import Detail
from sloengine.authoring.diff.plain import mapping_details, text_detail
from sloengine.authoring.diff.words import condition, duration, predicate, value
from sloengine.definitions import LongerThan, Plan, TransactionRule
from sloengine.report import numbers

_KEYS = ("customer", "session", "intent", "amount", "currency")


class _Rule(NamedTuple):
    """A rule of `outcome` or `because` in words."""

    label: str
    """What it decides: `failed (no-order)`, `slow`."""
    text: str
    limit_ns: int | None
    """Where the rule is only a limit."""


def transaction_summary(plan: Plan, rule: TransactionRule) -> list[Detail]:
    """Return what a new transaction is."""
    details = [Detail("begins at a span where", after=condition(plan, i)) for i in rule.entry]
    if rule.having is not None:
        details.append(Detail("with", after=predicate(plan, rule.having)))
    details += [Detail(f"{one.label} where {one.text}") for one in _outcomes(plan, rule)]
    return details


def transaction_details(
    before: Plan, old: TransactionRule, after: Plan, new: TransactionRule
) -> list[Detail]:
    """Return what differs: first what decides, then what describes."""
    details: list[Detail] = []
    was = {condition(before, index) for index in old.entry}
    now = {condition(after, index) for index in new.entry}
    if len(was - now) == len(now - was) == 1:
        details.append(Detail("entry changed", *(was - now), *(now - was)))
    else:
        details += [Detail("entry removed", before=text) for text in sorted(was - now)]
        details += [Detail("entry added", after=text) for text in sorted(now - was)]
    details += text_detail("having", predicate(before, old.having), predicate(after, new.having))
    if old.priority != new.priority:
        details.append(Detail(f"priority {old.priority} → {new.priority}"))
    details += _rules("rule", _outcomes(before, old), _outcomes(after, new))
    details += _rules("because", _reasons(before, old), _reasons(after, new))
    for key in _KEYS:
        details += text_detail(
            key, value(before, getattr(old, key)), value(after, getattr(new, key))
        )
    details += _dimensions(before, old, after, new)
    if old.retry_window_ns != new.retry_window_ns:
        windows = duration(old.retry_window_ns), duration(new.retry_window_ns)
        details.append(Detail(f"retryWindow {windows[0]} → {windows[1]}"))
    details += text_detail("tolerance", _tolerance(old), _tolerance(new))
    for what in ("criticality", "audience", "display_name", "description"):
        name = what.replace("_", " ")
        details += text_detail(name, getattr(old, what), getattr(new, what))
    return details + mapping_details("annotation", old.annotations, new.annotations)


def _outcomes(plan: Plan, rule: TransactionRule) -> list[_Rule]:
    return [
        _Rule(
            str(one.outcome) + (f" ({one.reason})" if one.reason not in ("", one.outcome) else ""),
            predicate(plan, one.when),
            one.when.limit_ns if isinstance(one.when, LongerThan) else None,
        )
        for one in rule.outcome
    ]


def _reasons(plan: Plan, rule: TransactionRule) -> list[_Rule]:
    return [_Rule(one.reason, predicate(plan, one.when), None) for one in rule.because]


def _rules(what: str, before: Sequence[_Rule], after: Sequence[_Rule]) -> list[Detail]:
    """Return how a list of rules changed, in which the first that holds decides."""
    gone: dict[str, list[_Rule]] = defaultdict(list)
    for rule in before:
        if rule not in after:
            gone[rule.label].append(rule)
    details: list[Detail] = []
    new_order: list[_Rule] = []
    """The rules of `after` that were there before, as they were then."""
    for place, rule in enumerate(after, 1):
        if rule in before:
            new_order.append(rule)
        elif gone[rule.label]:
            old = gone[rule.label].pop(0)
            new_order.append(old)
            details.append(_changed(f"{what} {place}", old, rule))
        else:
            details.append(
                Detail(f"{what} added as {place} of {len(after)}: {rule.label}", after=rule.text)
            )
    removed = [rule for rules in gone.values() for rule in rules]
    details += [Detail(f"{what} removed: {rule.label}", before=rule.text) for rule in removed]
    old_order = [rule for rule in before if rule not in removed]
    if old_order != new_order and len(old_order) == len(new_order):
        order = ", ".join(rule.label for rule in after)
        details.append(Detail(f"{what}s in another order, the first that holds decides: {order}"))
    return details


def _changed(what: str, old: _Rule, new: _Rule) -> Detail:
    if old.limit_ns is not None and new.limit_ns is not None:
        effect = "stricter" if new.limit_ns < old.limit_ns else "looser"
        limits = f"{duration(old.limit_ns)} → {duration(new.limit_ns)}"
        return Detail(f"{what}, {new.label}: longer than {limits}, {effect}")
    return Detail(f"{what}, {new.label}: changed", old.text, new.text)


def _dimensions(
    before: Plan, old: TransactionRule, after: Plan, new: TransactionRule
) -> list[Detail]:
    was = {one.name: (value(before, one.captures), one.limit) for one in old.dimensions}
    now = {one.name: (value(after, one.captures), one.limit) for one in new.dimensions}
    details = []
    for name in sorted({*was, *now}):
        if name not in now:
            details.append(Detail(f"dimension {name} removed"))
        elif name not in was:
            details.append(Detail(f"dimension {name} added, from {now[name][0]}"))
        else:
            details += text_detail(f"dimension {name}", was[name][0], now[name][0])
            if was[name][1] != now[name][1]:
                limits = f"{was[name][1]} → {now[name][1]}"
                details.append(Detail(f"dimension {name}: limit {limits}"))
    return details


def _tolerance(rule: TransactionRule) -> str:
    parts = []
    if rule.tolerance_duration_ns is not None:
        parts.append(duration(rule.tolerance_duration_ns))
    if rule.tolerance_customers is not None:
        parts.append(f"{numbers.count(rule.tolerance_customers)} customers")
    return ", ".join(parts)
