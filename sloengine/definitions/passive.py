"""Kinds that are read and checked, and that this version does not evaluate."""

from __future__ import annotations

from collections.abc import Mapping

from sloengine.definitions import openslo, ours
from sloengine.definitions.catalogue import Catalogue, Definition
from sloengine.definitions.duration import parse_duration
from sloengine.definitions.shapes import Context, Shape
from sloengine.definitions.source import did_you_mean
from sloengine.ottl import OttlError, parse_value
from sloengine.yamldoc import Node

_SPECS: Mapping[str, Shape] = {
    kind: shape
    for kind, shape in {**openslo.SPECS, **ours.SPECS}.items()
    if kind not in {"BusinessTransaction", "Ignore", "SLO", "SLI"}
}


def check_passive(definition: Definition, catalogue: Catalogue) -> str | None:
    """Check a definition of a kind that is only read.

    Returns the line that says so; `None` where the kind is not one of these, or a DataSource is
    this engine itself.
    """
    check = _SPECS.get(definition.kind)
    if check is None:
        return None
    context = Context(definition.source, catalogue)
    check(context, definition.spec, "spec")
    if definition.kind == "Journey":
        _check_steps(context, definition.spec)
        _check_correlation(context, definition.spec.entries.get("correlate"))
    if definition.kind == "BudgetAdjustment":
        _check_period(context, definition.spec)
        return None
    if definition.kind == "BurnRatePolicy":
        _check_windows(context, definition.spec)
    if definition.kind == "DataSource" and definition.spec.find(("type",)).text == openslo.OUR_TYPE:
        return None
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


def _check_correlation(context: Context, node: Node | None) -> None:
    """Steps are tied together by something of ours, or by a value of their entries."""
    if node is None or node.kind != "scalar" or node.text.strip() in ours.CORRELATIONS:
        return
    try:
        parse_value(node.text)
    except OttlError as error:
        known = ", ".join(ours.CORRELATIONS)
        place = context.source.document.place(node, error.offset)
        context.source.error(place, f"{error}; correlate is {known} or such a value")


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


def _check_windows(context: Context, spec: Node) -> None:
    """The short window confirms what the long one says, so it must be the shorter one."""
    for window in spec.find(("windows",)).items:
        long, short = _length(window, "long"), _length(window, "short")
        if long is not None and short is not None and short >= long:
            context.source.error(
                window.entries["short"], "short must be shorter than long, a twelfth is usual"
            )


def _length(window: Node, key: str) -> int | None:
    try:
        return parse_duration(window.entries[key].text)
    except (KeyError, ValueError):
        return None
