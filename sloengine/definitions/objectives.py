"""`objectives` of an SLO: targets, and what their method and metric ask of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from sloengine.definitions.indicators import read_inline, read_referenced
from sloengine.definitions.openslo import COMPOSITE, OBJECTIVE
from sloengine.definitions.plan import Objective
from sloengine.definitions.shapes import Context
from sloengine.definitions.targets import percent_target, ratio_target
from sloengine.yamldoc import Node

Metric = Literal["ratioMetric", "thresholdMetric"]
_COMPARISON = ("op", "value")
_SLICES = ("timeSliceTarget", "timeSliceWindow")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "Occurrences": (),
    "Timeslices": _SLICES,
    "RatioTimeslices": ("timeSliceWindow",),
}
_OWNERS = {
    "timeSliceTarget": "budgetingMethod Timeslices",
    "timeSliceWindow": "Timeslices or RatioTimeslices",
}


@dataclass(frozen=True, slots=True)
class Promised:
    """What an SLO says of all its objectives."""

    method: str | None
    """`None` where it is wrong."""
    metric: Metric | None
    """What its own indicator is; `None` where it has none, or that is wrong."""
    composite: bool
    """Whether each objective brings an indicator of its own."""


def is_composite(nodes: list[Node]) -> bool:
    """Say whether objectives bring indicators of their own."""
    return any(key in node.entries for node in nodes for key in COMPOSITE)


def metric_of(context: Context, members: Mapping[str, Node]) -> Metric | None:
    """Return which metric an indicator is, inline or referenced; `None` where it cannot be said."""
    spec = None
    if "indicatorRef" in members:
        sli = context.catalogue.find("SLI", members["indicatorRef"].text)
        spec = sli.spec if sli is not None else None
    elif "indicator" in members:
        spec = members["indicator"].entries.get("spec")
    if spec is None or ("ratioMetric" in spec.entries) == ("thresholdMetric" in spec.entries):
        return None
    return "ratioMetric" if "ratioMetric" in spec.entries else "thresholdMetric"


def read_objectives(
    context: Context, nodes: list[Node], promised: Promised
) -> tuple[Objective, ...] | None:
    """Read every objective; problems are noted, and any of them gives `None`."""
    objectives: list[Objective] = []
    if promised.metric == "thresholdMetric" and len(nodes) > 1:
        context.source.error(
            nodes[1], "an SLO over a thresholdMetric has one objective; make it an SLO of its own"
        )
    for index, node in enumerate(nodes):
        objective = _Reader(context, node, f"spec.objectives[{index}]", promised).read()
        if objective is None:
            continue
        name = objective.display_name or ("" if len(nodes) == 1 else str(objective.target))
        if name in {other.display_name for other in objectives}:
            context.source.error(
                node, f'two objectives are called "{name}"; give each a displayName of its own'
            )
        objectives.append(Objective(name, objective.target))
    return tuple(objectives) if len(objectives) == len(nodes) else None


class _Reader:
    """Reads one objective."""

    def __init__(self, context: Context, node: Node, what: str, promised: Promised) -> None:
        self._context = context
        self._source = context.source
        self._node = node
        self._what = what
        self._promised = promised

    def read(self) -> Objective | None:
        members = self._source.mapping(self._node, self._what, OBJECTIVE.keys)
        if members is None:
            return None
        for key in ("op", "value", *_SLICES, "compositeWeight", "displayName"):
            if key in members:
                shape = OBJECTIVE.members[key].shape
                shape(self._context, members[key], f"{self._what}.{key}")
        self._slices(members)
        metric = self._indicator(members) if self._promised.composite else self._promised.metric
        self._comparison(members, metric)
        if "compositeWeight" in members and not self._promised.composite:
            message = (
                "compositeWeight belongs to an objective with an indicator of its own; remove it"
            )
            self._source.error(members["compositeWeight"].key_position, message)
        target = self._target(members)
        name = members["displayName"].text.strip() if "displayName" in members else ""
        return None if target is None else Objective(name, target)

    def _indicator(self, members: Mapping[str, Node]) -> Metric | None:
        """Read the objective's own indicator in a composite."""
        given = [key for key in COMPOSITE if key in members]
        if len(given) != 1:
            message = f"{self._what} is part of a composite; it needs indicator or indicatorRef"
            self._source.error(self._node, message + (", not both" if given else ""))
            return None
        if given == ["indicator"]:
            read_inline(self._context, members["indicator"], f"{self._what}.indicator")
        else:
            read_referenced(self._context, members["indicatorRef"], f"{self._what}.indicatorRef")
        return metric_of(self._context, members)

    def _comparison(self, members: Mapping[str, Node], metric: Metric | None) -> None:
        for key in _COMPARISON:
            if metric == "ratioMetric" and key in members:
                message = f"{key} has no meaning for a ratioMetric; remove it"
                self._source.error(members[key].key_position, message)
            if metric == "thresholdMetric" and key not in members:
                message = f'{self._what} needs "{key}" to compare a thresholdMetric with; add it'
                self._source.error(self._node, message)

    def _slices(self, members: Mapping[str, Node]) -> None:
        method = self._promised.method
        if method is None:
            return
        for key in _SLICES:
            if key in members and key not in _NEEDED[method]:
                message = f"{key} belongs to {_OWNERS[key]}; remove it"
                self._source.error(members[key].key_position, message)
            if key not in members and key in _NEEDED[method]:
                message = f"{self._what} needs {key} for budgetingMethod {method}; add it"
                self._source.error(self._node, message)

    def _target(self, members: Mapping[str, Node]) -> Decimal | None:
        given = [key for key in ("target", "targetPercent") if key in members]
        if len(given) != 1:
            self._source.error(self._node, f"{self._what} needs either target or targetPercent")
            return None
        read = ratio_target if given == ["target"] else percent_target
        return read(self._source, members[given[0]])
