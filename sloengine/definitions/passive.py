"""Kinds that are read and checked, and that this version does not evaluate."""

from __future__ import annotations

from collections.abc import Mapping

from sloengine.definitions.catalogue import Catalogue, Definition
from sloengine.definitions.shapes import (
    Check,
    Context,
    anything,
    boolean,
    choice,
    delay,
    duration,
    either,
    inline_definition,
    instant,
    list_of,
    number,
    record,
    reference,
    text,
    time_zone,
)
from sloengine.definitions.source import did_you_mean
from sloengine.yamldoc import Node

_OPERATORS = choice("lt", "lte", "gt", "gte")
_TARGET = record({"target": text, "description": text}, ("target",))
_CONDITION = record(
    {
        "description": text,
        "severity": text,
        "condition": record(
            {
                "kind": choice("burnrate"),
                "op": _OPERATORS,
                "threshold": number,
                "lookbackWindow": duration,
                "alertAfter": delay,
            },
            ("kind", "op", "threshold", "lookbackWindow"),
        ),
    },
    ("severity", "condition"),
)
_NOTIFIED = list_of(
    either(
        "targetRef",
        "AlertNotificationTarget",
        inline_definition("AlertNotificationTarget", _TARGET),
    )
)
_POLICY = record(
    {
        "description": text,
        "alertWhenNoData": boolean,
        "alertWhenResolved": boolean,
        "alertWhenBreaching": boolean,
        "conditions": list_of(
            either(
                "conditionRef", "AlertCondition", inline_definition("AlertCondition", _CONDITION)
            )
        ),
        "notificationTargets": _NOTIFIED,
    },
    ("conditions",),
)
_BURN_RATES = record(
    {
        "description": text,
        "windows": list_of(
            record(
                {
                    "burnRate": number,
                    "long": duration,
                    "short": duration,
                    "severity": choice("page", "ticket"),
                },
                ("burnRate", "long", "short", "severity"),
            )
        ),
        "notificationTargets": _NOTIFIED,
    },
    ("windows",),
)
_ADJUSTMENT = record(
    {
        "description": text,
        "reason": text,
        "slos": list_of(reference("SLO")),
        "start": instant,
        "end": instant,
        "duration": duration,
        "rrule": text,
        "timeZone": time_zone,
        "where": text,
    },
    ("reason", "slos", "start"),
)
_STEP = record(
    {
        "name": text,
        "transaction": reference("BusinessTransaction"),
        "after": list_of(text),
        "anyAfter": list_of(text),
        "optional": boolean,
        "repeat": boolean,
        "within": duration,
    },
    ("name", "transaction"),
)
_JOURNEY = record(
    {
        "description": text,
        "correlate": text,
        "steps": list_of(_STEP),
        "timeout": duration,
        "goal": text,
    },
    ("correlate", "steps", "timeout", "goal"),
)
_SHAPES: Mapping[str, Check] = {
    "Service": record({"description": text}),
    "DataSource": record(
        {"description": text, "type": text, "connectionDetails": anything}, ("type",)
    ),
    "AlertPolicy": _POLICY,
    "AlertCondition": _CONDITION,
    "AlertNotificationTarget": _TARGET,
    "BurnRatePolicy": _BURN_RATES,
    "BudgetAdjustment": _ADJUSTMENT,
    "Journey": _JOURNEY,
}

alert_policies: Check = list_of(
    either("alertPolicyRef", "AlertPolicy", inline_definition("AlertPolicy", _POLICY))
)
"""The `alertPolicies` of an SLO: inline, or by reference to an AlertPolicy or BurnRatePolicy."""


def check_passive(definition: Definition, catalogue: Catalogue) -> str | None:
    """Check a definition of a kind that is only read.

    Returns the line that says so; `None` where the kind is not one of these.
    """
    check = _SHAPES.get(definition.kind)
    if check is None:
        return None
    context = Context(definition.source, catalogue)
    check(context, definition.spec, "spec")
    if definition.kind == "Journey":
        _check_steps(context, definition.spec)
    if definition.kind == "BudgetAdjustment":
        _check_period(context, definition.spec)
    return f"{definition.source.subject} is not evaluated by this version"


def _check_steps(context: Context, spec: Node) -> None:
    steps = spec.find(("steps",)).items
    names = [step.find(("name",)).text for step in steps]
    for index, step in enumerate(steps):
        if names[index] in names[:index]:
            message = f'the step "{names[index]}" stands twice; rename one'
            context.source.error(step.find(("name",)), message)
        for key in ("after", "anyAfter"):
            for item in step.entries[key].items if key in step.entries else ():
                if item.text not in names:
                    cure = did_you_mean(item.text, names)
                    context.source.error(item, f'there is no step "{item.text}"{cure}')
    goal = spec.entries.get("goal")
    if goal is not None and goal.text not in names:
        context.source.error(
            goal, f'there is no step "{goal.text}"{did_you_mean(goal.text, names)}'
        )
    stuck = _steps_in_a_circle(dict(zip(names, steps, strict=True)))
    if stuck:
        at = next(step for step in steps if step.find(("name",)).text in stuck)
        message = f"these steps wait for each other: {', '.join(sorted(stuck))}; break the circle"
        context.source.error(at, message)


def _steps_in_a_circle(steps: Mapping[str, Node]) -> set[str]:
    """Return the steps that can never begin because of what they wait for."""
    waiting = {
        name: {
            item.text
            for key in ("after", "anyAfter")
            if key in step.entries
            for item in step.entries[key].items
            if item.text in steps
        }
        for name, step in steps.items()
    }
    while True:
        free = {name for name, before in waiting.items() if not before}
        if not free:
            return set(waiting)
        waiting = {name: before - free for name, before in waiting.items() if name not in free}


def _check_period(context: Context, spec: Node) -> None:
    """A period is start and end, or start, duration and rrule."""
    recurring = "rrule" in spec.entries
    for key, wanted in (("end", not recurring), ("duration", recurring)):
        if wanted and key not in spec.entries:
            kind = "a recurring" if recurring else "a one-off"
            context.source.error(spec.key_position, f'{kind} period needs "{key}"; add it')
        if not wanted and key in spec.entries:
            kind = "one-off" if key == "end" else "recurring"
            message = f'"{key}" belongs to a {kind} period; remove it'
            context.source.error(spec.entries[key].key_position, message)
