"""OpenSLO `kind: SLO`, and the `promise` that stands for one -> rules of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sloengine.definitions.catalogue import Catalogue, Definition
from sloengine.definitions.indicators import GOOD, Indicator, read_inline, read_referenced
from sloengine.definitions.objectives import Promised, is_composite, metric_of, read_objectives
from sloengine.definitions.openslo import COMPOSITE, METHODS, POLICIES, SLO
from sloengine.definitions.ours import PROMISE
from sloengine.definitions.plan import Objective, SloRule
from sloengine.definitions.shapes import Context
from sloengine.definitions.targets import promise_target
from sloengine.definitions.windows import read_window
from sloengine.ottl import parse_fact_condition
from sloengine.yamldoc import Node

_ARE_NOT_YET = "are not evaluated by this version"
_NOT_YET = "is not evaluated by this version"
PROMISED_SUFFIX = "-experience"


@dataclass(frozen=True, slots=True)
class SloResult:
    """What became of one SLO."""

    rule: SloRule | None
    """`None` where it has errors, or cannot be evaluated."""
    lines: tuple[str, ...]
    """One for each thing that is accepted and not evaluated."""


def promised_name(transaction: str) -> str:
    """Return the name of the SLO that a transaction's `promise` stands for."""
    return transaction + PROMISED_SUFFIX


def read_promise(definition: Definition) -> SloRule | None:
    """Return the SLO that a BusinessTransaction's `promise` stands for; `None` without one."""
    node = definition.spec.entries.get("promise")
    if node is None:
        return None
    source = definition.source
    members = source.mapping(node, "spec.promise", PROMISE.keys, PROMISE.required)
    if members is None:
        return None
    target = promise_target(source, members["target"])
    window_ns = source.duration(members["window"], "spec.promise.window")
    if target is None or window_ns is None:
        return None
    indicator = Indicator(definition.name, parse_fact_condition(GOOD, ()))
    description = definition.spec.entries.get("description")
    return _rule(
        definition,
        promised_name(definition.name),
        definition.display_name or definition.name,
        description.text.strip() if description else "",
        definition.name,
        indicator,
        (window_ns, members["window"].text.strip()),
        (Objective("", target),),
    )


def read_slo(definition: Definition, catalogue: Catalogue) -> SloResult:
    """Read an OpenSLO SLO; problems are noted."""
    reader = _SloReader(definition, catalogue)
    rule = reader.read()
    subject = definition.source.subject
    return SloResult(rule, tuple(f"{subject}: {line}" for line in dict.fromkeys(reader.lines)))


class _SloReader:
    def __init__(self, definition: Definition, catalogue: Catalogue) -> None:
        self.lines: list[str] = []
        self._definition = definition
        self._source = definition.source
        self._context = Context(definition.source, catalogue)

    def read(self) -> SloRule | None:
        source, definition = self._source, self._definition
        members = source.mapping(definition.spec, "spec", SLO.keys, SLO.required)
        if members is None:
            return None
        for key in ("description", "service", "budgetingMethod"):
            if key in members:
                SLO.members[key].shape(self._context, members[key], f"spec.{key}")
        method = members["budgetingMethod"].text.strip()
        known = method if method in METHODS else None
        window = self._window(members.get("timeWindow"))
        nodes = source.sequence(members["objectives"], "spec.objectives")
        composite = is_composite(nodes)
        indicator = self._indicator(members, composite=composite)
        promised = Promised(known, metric_of(self._context, members), composite)
        objectives = read_objectives(self._context, nodes, promised)
        if known not in {None, "Occurrences"}:
            self.lines.insert(0, f"budgetingMethod {method} {_NOT_YET}")
        if composite:
            self.lines.append(f"an objective with an indicator of its own {_NOT_YET}")
        blocked = bool(self.lines)
        if indicator is not None:
            self.lines += [*indicator.obstacles, *indicator.remarks]
            blocked = blocked or bool(indicator.obstacles)
        self._policies(members.get("alertPolicies"))
        if blocked or indicator is None or window is None or objectives is None:
            return None
        return _rule(
            definition,
            definition.name,
            definition.display_name or definition.name,
            members["description"].text.strip() if "description" in members else "",
            members["service"].text.strip(),
            indicator,
            window,
            objectives,
        )

    def _window(self, node: Node | None) -> tuple[int, str] | None:
        if node is None:
            self.lines.append("without a timeWindow there is no budget; add one")
            return None
        window = read_window(self._context, node)
        if window is None:
            return None
        if window.calendar:
            self.lines.append(f"a calendar timeWindow {_NOT_YET}")
        return window.length_ns, window.text

    def _indicator(self, members: Mapping[str, Node], *, composite: bool) -> Indicator | None:
        given = [key for key in COMPOSITE if key in members]
        if composite and given:
            self._source.error(
                members[given[0]].key_position,
                f"spec.{given[0]} and indicators of the objectives exclude each other; "
                "remove the one or the others",
            )
            return None
        if len(given) > 1 or (not given and not composite):
            self._source.error(
                self._definition.spec.key_position, "spec needs indicator or indicatorRef, not both"
            )
            return None
        if not given:
            return None
        read = read_inline if given == ["indicator"] else read_referenced
        return read(self._context, members[given[0]], f"spec.{given[0]}")

    def _policies(self, node: Node | None) -> None:
        if node is None:
            return
        if node.is_null:
            self._source.warning(
                node.key_position, "alertPolicies is empty; remove the key, or write a policy"
            )
            return
        POLICIES(self._context, node, "spec.alertPolicies")
        self.lines.append(f"alertPolicies {_ARE_NOT_YET}, only the budget")


def _rule(
    definition: Definition,
    name: str,
    display_name: str,
    description: str,
    service: str,
    indicator: Indicator,
    window: tuple[int, str],
    objectives: tuple[Objective, ...],
) -> SloRule | None:
    if indicator.good is None:
        return None
    return SloRule(
        name=name,
        display_name=display_name,
        description=description,
        service=service,
        transaction=indicator.transaction,
        indicator=indicator.hash,
        good=indicator.good,
        total=indicator.total,
        unknown_is_bad=indicator.unknown_is_bad,
        window_ns=window[0],
        window_text=window[1],
        objectives=objectives,
        position=definition.place,
        annotations=dict(sorted(definition.annotations.items())),
    )
