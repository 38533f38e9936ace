"""What differs in a promise."""

from __future__ import annotations

from sloengine.authoring.diff.changes import Detail
from sloengine.authoring.diff.plain import mapping_details, text_detail
from sloengine.authoring.diff.words import target_change
from sloengine.definitions import Objective, SloRule
from sloengine.report import numbers


def slo_summary(rule: SloRule) -> list[Detail]:
    """Return what a promise says, for one that is new or gone."""
    targets = " and ".join(numbers.target_percent(one.target) for one in rule.objectives)
    good = f"{targets} of {rule.transaction} over {rule.window_text}"
    return [Detail(f"promises {good}, where {rule.good.text}")]


def slo_details(before: SloRule, after: SloRule) -> list[Detail]:
    """Return what differs, in words for those who approve a promise."""
    details = _objectives(before, after)
    if before.window_ns != after.window_ns:
        details.append(Detail(f"window {before.window_text} → {after.window_text}"))
    if before.transaction != after.transaction:
        details.append(Detail(f"is about {before.transaction} → {after.transaction}"))
    details += text_detail("what is good", before.good.text, after.good.text)
    total = (
        "every transaction" if rule.total is None else rule.total.text for rule in (before, after)
    )
    details += text_detail("what is counted", *total)
    if before.unknown_is_bad != after.unknown_is_bad:
        now = "bad" if after.unknown_is_bad else "in neither good nor total"
        details.append(Detail(f"an unknown outcome is now {now}"))
    for what in ("display_name", "description", "service"):
        name = what.replace("_", " ")
        details += text_detail(name, getattr(before, what), getattr(after, what))
    details += mapping_details("annotation", before.annotations, after.annotations)
    return details


def _objectives(before: SloRule, after: SloRule) -> list[Detail]:
    old = {one.display_name: one for one in before.objectives}
    new = {one.display_name: one for one in after.objectives}
    if len(old) == len(new) == 1:
        (was,), (is_now,) = old.values(), new.values()
        details = []
        if was.target != is_now.target:
            details.append(Detail(target_change(was.target, is_now.target)))
        return details + text_detail("objective", was.display_name, is_now.display_name)
    details = [Detail(f"objective removed: {_named(old[name])}") for name in old if name not in new]
    details += [Detail(f"objective added: {_named(new[name])}") for name in new if name not in old]
    for name in old:
        if name in new and old[name].target != new[name].target:
            change = target_change(old[name].target, new[name].target)
            details.append(Detail(f"objective {name or 'without a name'}: {change}"))
    return details


def _named(objective: Objective) -> str:
    target = numbers.target_percent(objective.target)
    return f"{objective.display_name}, {target}" if objective.display_name else target
