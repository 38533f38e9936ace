"""Two plans -> the changes between them, by meaning: layout and order of files change nothing."""

from __future__ import annotations

from collections.abc import Mapping

from sloengine.authoring.diff.changes import Action, Change, Detail
from sloengine.authoring.diff.generic import data_changes
from sloengine.authoring.diff.slos import slo_details, slo_summary
from sloengine.authoring.diff.transactions import (
    transaction_details,
    transaction_summary,
)
from sloengine.authoring.diff.words import condition
from sloengine.definitions import Plan, SloRule, TransactionRule
from sloengine.definitions.canonical import thaw
from sloengine.yamldoc import Data

_FIRST = ("SLO", "BusinessTransaction", "Ignore")
_ACTIONS = ("changed", "added", "removed")
_SAID_BY_SLO = frozenset(
    {"description", "service", "indicator", "indicatorRef", "timeWindow", "objectives"}
)

_Key = tuple[str, str]


def compare_plans(before: Plan, after: Plan) -> tuple[Change, ...]:
    """Return what differs: SLOs first, then transactions, then the rest, in order of name."""
    changes = [*_slos(before, after), *_transactions(before, after), *_ignores(before, after)]
    changes += _others(before, after)

    def order(change: Change) -> tuple[int, str, int, str]:
        place = _FIRST.index(change.kind) if change.kind in _FIRST else len(_FIRST)
        return place, change.kind, _ACTIONS.index(change.action), change.name

    return tuple(sorted(changes, key=order))


def _slos(before: Plan, after: Plan) -> list[Change]:
    old: dict[str, SloRule] = {rule.name: rule for rule in before.slos}
    new: dict[str, SloRule] = {rule.name: rule for rule in after.slos}
    documents = _documents(before, "SLO"), _documents(after, "SLO")
    changes = []
    for name in sorted({*old, *new, *documents[0], *documents[1]}):
        was, is_now = old.get(name), new.get(name)
        written = documents[0].get(name), documents[1].get(name)
        if was is not None and is_now is not None:
            details = slo_details(was, is_now)
            details += data_changes(written[0] or {}, written[1] or {}, without=_SAID_BY_SLO)
            action: Action = "changed"
        elif (was or written[0]) and (is_now or written[1]):
            details = data_changes(written[0] or {}, written[1] or {})
            if (was is None) != (is_now is None):
                state = "is evaluated now" if is_now is not None else "is not evaluated any more"
                details.insert(0, Detail(state))
            action = "changed"
        else:
            action = "removed" if was or written[0] else "added"
            rule = was or is_now
            details = [] if rule is None else slo_summary(rule)
            changes.append(Change(action, "SLO", name, tuple(details)))
            continue
        if details:
            changes.append(Change(action, "SLO", name, tuple(details)))
    return changes


def _transactions(before: Plan, after: Plan) -> list[Change]:
    old: dict[str, TransactionRule] = {rule.name: rule for rule in before.transactions}
    new: dict[str, TransactionRule] = {rule.name: rule for rule in after.transactions}
    labels = _documents(before, "BusinessTransaction"), _documents(after, "BusinessTransaction")
    changes = []
    for name in sorted({*old, *new}):
        was, is_now = old.get(name), new.get(name)
        if was is not None and is_now is not None:
            details = transaction_details(before, was, after, is_now)
            details += _labels(labels[0][name], labels[1][name])
            action: Action = "changed"
            if not details:
                continue
        elif is_now is not None:
            action, details = "added", transaction_summary(after, is_now)
        else:
            action, details = "removed", []
        changes.append(Change(action, "BusinessTransaction", name, tuple(details)))
    return changes


def _labels(old: Data, new: Data) -> list[Detail]:
    """Labels mean nothing to the plan, and are a change all the same."""
    spec = frozenset(key for side in (old, new) for key in _spec_keys(side))
    return data_changes(old, new, without=spec, metadata=("labels",))


def _spec_keys(data: Data) -> list[str]:
    spec = data.get("spec") if isinstance(data, dict) else None
    return list(spec) if isinstance(spec, dict) else []


def _ignores(before: Plan, after: Plan) -> list[Change]:
    old = {name: {condition(before, i) for i in entry} for name, entry in before.ignore}
    new = {name: {condition(after, i) for i in entry} for name, entry in after.ignore}
    changes = []
    for name in sorted({*old, *new}):
        lost = sorted(old.get(name, set()) - new.get(name, set()))
        won = sorted(new.get(name, set()) - old.get(name, set()))
        details = [Detail("counts traffic again", before=text) for text in lost]
        details += [Detail("ignores traffic", after=text) for text in won]
        action: Action = "changed"
        if name not in old or name not in new:
            action = "removed" if name in old else "added"
        if details:
            changes.append(Change(action, "Ignore", name, tuple(details)))
    return changes


def _others(before: Plan, after: Plan) -> list[Change]:
    """Definitions of all other kinds, by what is written in them."""
    old, new = _all_documents(before), _all_documents(after)
    changes = []
    for kind, name in sorted({*old, *new}):
        if kind in _FIRST:
            continue
        was, is_now = old.get((kind, name)), new.get((kind, name))
        if was is None or is_now is None:
            action: Action = "added" if was is None else "removed"
            changes.append(Change(action, kind, name, ()))
        elif details := data_changes(was, is_now):
            changes.append(Change("changed", kind, name, tuple(details)))
    return changes


def _documents(plan: Plan, kind: str) -> dict[str, Data]:
    return {name: data for (of_kind, name), data in _all_documents(plan).items() if of_kind == kind}


def _all_documents(plan: Plan) -> Mapping[_Key, Data]:
    found: dict[_Key, Data] = {}
    for document in thaw(plan.documents):
        kind = document.root.find(("kind",)).text
        name = document.root.find(("metadata", "name")).text
        found[kind, name] = document.root.data()
    return found
