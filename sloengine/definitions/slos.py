"""OpenSLO `kind: SLO`, and the `promise` that stands for one -> rules of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sloengine.definitions.catalogue import Catalogue, Definition
from sloengine.definitions.duration import parse_calendar_length
from sloengine.definitions.indicators import GOOD, Indicator, read_indicator
from sloengine.definitions.passive import alert_policies
from sloengine.definitions.plan import Objective, SloRule
from sloengine.definitions.shapes import Context, duration, instant, number, time_zone
from sloengine.definitions.targets import percent_target, promise_target, ratio_target
from sloengine.ottl import parse_fact_condition
from sloengine.yamldoc import Node

_ARE_NOT_YET = "are not evaluated by this version"
_NOT_YET = "is not evaluated by this version"
_METHODS = ("Occurrences", "Timeslices", "RatioTimeslices")
_OBJECTIVE = (
    "displayName",
    "op",
    "value",
    "target",
    "targetPercent",
    "timeSliceTarget",
    "timeSliceWindow",
    "indicator",
    "indicatorRef",
    "compositeWeight",
)
_COMPOSITE = ("indicator", "indicatorRef", "compositeWeight")
_SPEC = (
    "description",
    "service",
    "indicator",
    "indicatorRef",
    "timeWindow",
    "budgetingMethod",
    "objectives",
    "alertPolicies",
)
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
    members = source.mapping(node, "spec.promise", ("target", "window"), ("target", "window"))
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
        self._catalogue = catalogue
        self._context = Context(definition.source, catalogue)

    def read(self) -> SloRule | None:
        source = self._source
        members = source.mapping(
            self._definition.spec,
            "spec",
            _SPEC,
            ("service", "timeWindow", "budgetingMethod", "objectives"),
        )
        if members is None:
            return None
        service = source.text(members["service"], "spec.service") or ""
        method = source.choice(members["budgetingMethod"], "spec.budgetingMethod", _METHODS)
        if method not in {None, "Occurrences"}:
            self.lines.append(f"budgetingMethod {method} {_NOT_YET}")
        window = self._window(members["timeWindow"])
        nodes = source.sequence(members["objectives"], "spec.objectives")
        composite = any(key in node.entries for node in nodes for key in _COMPOSITE)
        indicator = self._spec_indicator(members, composite=composite)
        if composite:
            self.lines.append(f"an objective with an indicator of its own {_NOT_YET}")
        threshold = _is_threshold(members, self._catalogue)
        objectives = self._objectives(nodes, method, threshold=threshold)
        blocked = bool(self.lines)
        if indicator is not None:
            self.lines += [*indicator.obstacles, *indicator.remarks]
            blocked = blocked or bool(indicator.obstacles)
        if "alertPolicies" in members:
            alert_policies(self._context, members["alertPolicies"], "spec.alertPolicies")
            self.lines.append(f"alertPolicies {_ARE_NOT_YET}, only the budget")
        description = members.get("description")
        shown = (source.text(description, "spec.description") or "") if description else ""
        if blocked or indicator is None or window is None or len(objectives) < len(nodes):
            return None
        return _rule(
            self._definition,
            self._definition.name,
            self._definition.display_name or self._definition.name,
            shown,
            service,
            indicator,
            window,
            objectives,
        )

    def _spec_indicator(self, members: Mapping[str, Node], *, composite: bool) -> Indicator | None:
        given = [key for key in ("indicator", "indicatorRef") if key in members]
        if len(given) > 1 or (not given and not composite):
            self._source.error(
                self._definition.spec.key_position, "spec needs indicator or indicatorRef, not both"
            )
            return None
        return self._indicator(given[0], members[given[0]]) if given else None

    def _indicator(self, key: str, node: Node) -> Indicator | None:
        if key == "indicatorRef":
            sli = self._catalogue.refer(self._source, node, "SLI", "spec.indicatorRef")
            return None if sli is None else read_indicator(sli.source, sli.spec, self._catalogue)
        members = self._source.mapping(node, "indicator", ("metadata", "spec"), ("spec",))
        if members is None:
            return None
        if "metadata" in members:
            self._source.mapping(
                members["metadata"],
                "indicator.metadata",
                ("name", "displayName", "labels", "annotations"),
            )
        return read_indicator(self._source, members["spec"], self._catalogue)

    def _window(self, node: Node) -> tuple[int, str] | None:
        windows = self._source.sequence(node, "spec.timeWindow")
        if len(windows) > 1:
            self._source.error(windows[1], "an SLO has exactly one timeWindow; remove the others")
            return None
        if not windows:
            return None
        what = "spec.timeWindow[0]"
        members = self._source.mapping(
            windows[0], what, ("duration", "isRolling", "calendar"), ("duration",)
        )
        if members is None:
            return None
        rolling = None
        if "isRolling" in members:
            rolling = self._source.boolean(members["isRolling"], f"{what}.isRolling")
        if "calendar" in members:
            self._calendar(members, what, rolling=rolling)
            return None
        if rolling is not True:
            self._source.error(windows[0], f"{what} needs isRolling: true, or a calendar")
            return None
        length = self._source.duration(members["duration"], f"{what}.duration")
        return None if length is None else (length, members["duration"].text.strip())

    def _calendar(self, members: Mapping[str, Node], what: str, *, rolling: bool | None) -> None:
        self.lines.append(f"a calendar timeWindow {_NOT_YET}")
        if rolling:
            self._source.error(
                members["isRolling"], f"{what} is rolling or has a calendar, not both; remove one"
            )
        text = self._source.text(members["duration"], f"{what}.duration")
        if text is not None:
            try:
                parse_calendar_length(text)
            except ValueError as error:
                self._source.error(members["duration"], f"{what}.duration {error}")
        calendar = self._source.mapping(
            members["calendar"], f"{what}.calendar", ("startTime", "timeZone"), ("startTime",)
        )
        for key, check in (("startTime", instant), ("timeZone", time_zone)):
            if calendar and key in calendar:
                check(self._context, calendar[key], f"{what}.calendar.{key}")

    def _objectives(
        self, nodes: list[Node], method: str | None, *, threshold: bool
    ) -> tuple[Objective, ...]:
        objectives: list[Objective] = []
        for index, node in enumerate(nodes):
            objective = self._objective(node, f"spec.objectives[{index}]", method, threshold)
            if objective is None:
                continue
            name = objective.display_name or ("" if len(nodes) == 1 else str(objective.target))
            if name in {other.display_name for other in objectives}:
                self._source.error(
                    node, f'two objectives are called "{name}"; give each a displayName of its own'
                )
            objectives.append(Objective(name, objective.target))
        return tuple(objectives)

    def _objective(
        self, node: Node, what: str, method: str | None, threshold: bool
    ) -> Objective | None:
        source = self._source
        members = source.mapping(node, what, _OBJECTIVE)
        if members is None:
            return None
        self._slices(node, members, what, method)
        if "op" in members:
            source.choice(members["op"], f"{what}.op", ("lt", "lte", "gt", "gte"))
        if "value" in members:
            number(self._context, members["value"], f"{what}.value")
        for key in ("op", "value"):
            if key in members and not threshold and not any(k in members for k in _COMPOSITE):
                source.error(
                    members[key].key_position, f"{key} has no meaning for a ratioMetric; remove it"
                )
        for key in ("indicator", "indicatorRef"):
            if key in members:
                self._indicator(key, members[key])
        if "compositeWeight" in members:
            number(self._context, members["compositeWeight"], f"{what}.compositeWeight")
        name_node = members.get("displayName")
        name = (source.text(name_node, f"{what}.displayName") or "") if name_node else ""
        target = self._target(node, members, what)
        return None if target is None else Objective(name, target)

    def _target(self, node: Node, members: Mapping[str, Node], what: str) -> Decimal | None:
        given = [key for key in ("target", "targetPercent") if key in members]
        if len(given) != 1:
            self._source.error(node, f"{what} needs either target or targetPercent")
            return None
        read = ratio_target if given == ["target"] else percent_target
        return read(self._source, members[given[0]])

    def _slices(
        self, node: Node, members: Mapping[str, Node], what: str, method: str | None
    ) -> None:
        source = self._source
        if "timeSliceWindow" in members:
            if method == "Occurrences":
                message = "timeSliceWindow belongs to Timeslices or RatioTimeslices; remove it"
                source.error(members["timeSliceWindow"].key_position, message)
            duration(self._context, members["timeSliceWindow"], f"{what}.timeSliceWindow")
        elif method in {"Timeslices", "RatioTimeslices"}:
            source.error(node, f"{what} needs timeSliceWindow for budgetingMethod {method}; add it")
        if "timeSliceTarget" in members:
            if method in {"Occurrences", "RatioTimeslices"}:
                message = "timeSliceTarget belongs to budgetingMethod Timeslices; remove it"
                source.error(members["timeSliceTarget"].key_position, message)
            number(self._context, members["timeSliceTarget"], f"{what}.timeSliceTarget")
        elif method == "Timeslices":
            source.error(node, f"{what} needs timeSliceTarget for budgetingMethod {method}; add it")


def _is_threshold(members: Mapping[str, Node], catalogue: Catalogue) -> bool:
    """Say whether an SLO's indicator, inline or referenced, is a thresholdMetric."""
    if "indicatorRef" in members:
        sli = catalogue.find("SLI", members["indicatorRef"].text)
        return sli is None or "thresholdMetric" in sli.spec.entries
    spec = members["indicator"].entries.get("spec") if "indicator" in members else None
    return spec is None or "thresholdMetric" in spec.entries


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
