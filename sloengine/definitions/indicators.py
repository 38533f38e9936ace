"""OpenSLO indicators over business transactions: what counts, and what of it is good."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from sloengine.definitions.canonical import text_hash
from sloengine.definitions.catalogue import Catalogue
from sloengine.definitions.openslo import (
    COUNTS,
    INDICATOR,
    INLINE_INDICATOR,
    METRIC_SOURCE,
    OUR_TYPE,
    PART,
    RATIO_METRIC,
    TOTAL,
    VALUES,
)
from sloengine.definitions.shapes import Context
from sloengine.definitions.source import Source
from sloengine.definitions.structures import Record, inline_metadata
from sloengine.definitions.transactions import declared_dimensions
from sloengine.ottl import FactCondition, OttlError, parse_fact_condition
from sloengine.yamldoc import Node

GOOD = 'transaction.outcome == "good"'
_NOT_FAILED = '(transaction.outcome == "good" or transaction.outcome == "slow")'
_DIMENSION = re.compile(r'transaction\.dimensions\["([^"]*)"\]')
_NOT_YET = "is not evaluated by this version"


@dataclass(frozen=True, slots=True)
class Indicator:
    """A ratio over the facts of one transaction, and why it cannot be evaluated if it cannot."""

    transaction: str = ""
    good: FactCondition | None = None
    total: FactCondition | None = None
    unknown_is_bad: bool = False
    obstacles: tuple[str, ...] = ()
    """Why nothing of it can be evaluated by this version."""
    remarks: tuple[str, ...] = ()
    """What of it is left out, while the rest is evaluated."""

    @property
    def hash(self) -> str:
        """Content hash of all that decides which facts are good or counted."""
        good = self.good.text if self.good else ""
        total = self.total.text if self.total else ""
        return text_hash("\n".join((self.transaction, good, total, str(self.unknown_is_bad))))


@dataclass(frozen=True, slots=True)
class _Side:
    """One `metricSource` of a ratio."""

    node: Node
    transaction: str = ""
    where: str | None = None
    unknown_is_bad: bool = False
    obstacles: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def read_indicator(source: Source, spec: Node, catalogue: Catalogue) -> Indicator | None:
    """Read the spec of an SLI, inline or of its own; a problem is noted and gives `None`."""
    return _IndicatorReader(source, catalogue).read(spec)


def read_referenced(context: Context, node: Node, what: str) -> Indicator | None:
    """Read the SLI that `indicatorRef` names; a problem is noted and gives `None`."""
    sli = context.catalogue.refer(context.source, node, "SLI", what)
    return None if sli is None else read_indicator(sli.source, sli.spec, context.catalogue)


def read_inline(context: Context, node: Node, what: str) -> Indicator | None:
    """Read an `indicator`; a problem is noted and gives `None`."""
    members = context.source.mapping(node, what, INLINE_INDICATOR.keys, INLINE_INDICATOR.required)
    if members is None:
        return None
    if "metadata" in members:
        inline_metadata(context, members["metadata"], f"{what}.metadata")
    return read_indicator(context.source, members["spec"], context.catalogue)


class _IndicatorReader:
    def __init__(self, source: Source, catalogue: Catalogue) -> None:
        self._source = source
        self._catalogue = catalogue
        self._context = Context(source, catalogue)

    def read(self, spec: Node) -> Indicator | None:
        what = "the indicator's spec"
        members = self._source.mapping(spec, what, INDICATOR.keys)
        if members is None:
            return None
        self._check(INDICATOR, members, "description", what)
        metrics = [key for key in ("thresholdMetric", "ratioMetric") if key in members]
        if len(metrics) != 1:
            self._source.error(
                spec, f"{what} needs either ratioMetric or thresholdMetric, not both"
            )
            return None
        node = members[metrics[0]]
        return self._threshold(node) if metrics == ["thresholdMetric"] else self._ratio(node)

    def _threshold(self, node: Node) -> Indicator | None:
        side = self._side(node, "thresholdMetric", VALUES)
        if side is None:
            return None
        return Indicator(obstacles=side.obstacles or (f"thresholdMetric {_NOT_YET}",))

    def _ratio(self, node: Node) -> Indicator | None:
        members = self._source.mapping(node, "ratioMetric", RATIO_METRIC.keys)
        if members is None:
            return None
        self._check(RATIO_METRIC, members, "counter", "ratioMetric")
        if "raw" in members or "rawType" in members:
            return self._raw(node)
        given = [key for key in ("good", "bad") if key in members]
        if len(given) != 1 or "total" not in members:
            self._source.error(node, "ratioMetric needs total, and either good or bad")
            return None
        part = self._side(members[given[0]], f"ratioMetric.{given[0]}", PART)
        total = self._side(members["total"], "ratioMetric.total", TOTAL)
        if part is None or total is None:
            return None
        obstacles = tuple(dict.fromkeys((*part.obstacles, *total.obstacles)))
        remarks = tuple(dict.fromkeys((*part.remarks, *total.remarks)))
        if obstacles:
            return Indicator(obstacles=obstacles, remarks=remarks)
        if part.transaction != total.transaction:
            self._source.error(
                part.node,
                f'{given[0]} counts "{part.transaction}" but total counts "{total.transaction}"; '
                "name one transaction in both",
            )
            return None
        good = self._good(given[0], part)
        if good is None:
            return None
        return Indicator(
            total.transaction,
            self._parse(good, total.transaction),
            None if total.where is None else self._parse(total.where, total.transaction),
            total.unknown_is_bad,
            remarks=remarks,
        )

    def _check(self, shape: Record, members: Mapping[str, Node], key: str, what: str) -> None:
        """Check one key as its shape says, where it is there."""
        if key in members:
            shape.members[key].shape(self._context, members[key], f"{what}.{key}")

    def _raw(self, node: Node) -> Indicator | None:
        members = self._source.mapping(
            node, "ratioMetric", ("counter", "rawType", "raw"), ("rawType", "raw")
        )
        if members is None:
            return None
        self._check(RATIO_METRIC, members, "rawType", "ratioMetric")
        side = self._side(members["raw"], "ratioMetric.raw", VALUES)
        return (
            None
            if side is None
            else Indicator(obstacles=side.obstacles or (f"ratioMetric.raw {_NOT_YET}",))
        )

    def _good(self, key: str, part: _Side) -> str | None:
        """Return the condition for good facts; `total` is AND-ed to it when facts are counted."""
        if part.where is None:
            every = "good" if key == "good" else "bad"
            cure = GOOD if key == "good" else 'transaction.outcome != "good"'
            self._source.error(
                part.node, f"without where, every transaction is {every}; add where: {cure}"
            )
            return None
        text = f"not ({part.where})" if key == "bad" else part.where
        # Duration alone says nothing about a failure: one that came quickly is not fast.
        if "duration" in self._parse(part.where, part.transaction).reads:
            return f"({text}) and {_NOT_FAILED}" if key == "good" else f"{text} and {_NOT_FAILED}"
        return text

    def _side(self, node: Node, what: str, shape: Record) -> _Side | None:
        outer = self._source.mapping(node, what, ("metricSource",), ("metricSource",))
        if outer is None:
            return None
        metric = outer["metricSource"]
        what = f"{what}.metricSource"
        members = self._source.mapping(metric, what, METRIC_SOURCE.keys, METRIC_SOURCE.required)
        if members is None:
            return None
        kind = self._type(metric, what)
        spec = members["spec"]
        if kind != OUR_TYPE:
            if not spec.is_null:
                self._source.free_mapping(spec, f"{what}.spec")
            return (
                None
                if kind is None
                else _Side(spec, obstacles=(f'not evaluable here: metricSource type "{kind}"',))
            )
        return self._our_side(spec, f"{what}.spec", shape)

    def _type(self, metric: Node, what: str) -> str | None:
        """Return the type of a source, written here or known by its DataSource."""
        known = None
        if "metricSourceRef" in metric.entries:
            data_source = self._catalogue.refer(
                self._source,
                metric.entries["metricSourceRef"],
                "DataSource",
                f"{what}.metricSourceRef",
            )
            if data_source is not None and "type" in data_source.spec.entries:
                known = data_source.spec.entries["type"].text.strip()
        if "type" not in metric.entries:
            if "metricSourceRef" not in metric.entries:
                self._source.error(metric, f"{what} needs type: {OUR_TYPE}, or metricSourceRef")
            return known
        written = self._source.text(metric.entries["type"], f"{what}.type")
        if None not in (written, known) and written != known:
            name = metric.entries["metricSourceRef"].text
            self._source.error(
                metric.entries["type"],
                f'{what}.type is "{written}" and DataSource "{name}" is "{known}"; remove the type',
            )
            return None
        return written

    def _our_side(self, spec: Node, what: str, shape: Record) -> _Side | None:
        members = self._source.mapping(spec, what, shape.keys)
        if members is None:
            return None
        subjects = [key for key in ("transaction", "journey") if key in members]
        if len(subjects) != 1:
            self._source.error(spec, f"{what} needs transaction or journey, and not both")
            return None
        obstacles: list[str] = []
        remarks: list[str] = []
        if "count" in members:
            counted = self._source.choice(members["count"], f"{what}.count", COUNTS)
            if counted not in {None, "transactions"}:
                obstacles.append(f"count: {counted} {_NOT_YET}")
        if subjects == ["journey"]:
            self._catalogue.refer(self._source, members["journey"], "Journey", f"{what}.journey")
            return _Side(spec, obstacles=(*obstacles, f"an SLO on a journey {_NOT_YET}"))
        for key in ("value", "aggregate"):
            if key in members:
                self._source.text(members[key], f"{what}.{key}")
        name = self._source.text(members["transaction"], f"{what}.transaction") or ""
        definition = self._catalogue.refer(
            self._source, members["transaction"], "BusinessTransaction", f"{what}.transaction"
        )
        where = self._where(members["where"], name, what) if "where" in members else None
        if definition is None or ("where" in members and where is None):
            return None
        if "groupBy" in members:
            self._group_by(members["groupBy"], name, what)
            remarks.append(f"groupBy {_NOT_YET}, only the sum of its groups")
        unknown = None
        if "unknown" in members:
            unknown = self._source.choice(members["unknown"], f"{what}.unknown", ("bad",))
        return _Side(spec, name, where, unknown == "bad", tuple(obstacles), tuple(remarks))

    def _where(self, node: Node, transaction: str, what: str) -> str | None:
        text = self._source.condition_text(node, f"{what}.where")
        definition = self._catalogue.find("BusinessTransaction", transaction)
        if text is None or definition is None:
            return None
        declared = declared_dimensions(definition)
        try:
            return parse_fact_condition(text, declared).text
        except OttlError as error:
            name = _dimension_at(text, error.offset)
            if name is None or name in declared:
                self._source.ottl_error(node, error)
            else:
                place = self._source.document.place(node, error.offset)
                self._source.error(place, undeclared(name, transaction, declared))
            return None

    def _group_by(self, node: Node, transaction: str, what: str) -> None:
        definition = self._catalogue.find("BusinessTransaction", transaction)
        declared = declared_dimensions(definition) if definition else []
        for item in self._source.sequence(node, f"{what}.groupBy"):
            if item.text not in declared:
                self._source.error(item, undeclared(item.text, transaction, declared))

    def _parse(self, text: str, transaction: str) -> FactCondition:
        definition = self._catalogue.find("BusinessTransaction", transaction)
        return parse_fact_condition(text, declared_dimensions(definition) if definition else [])


def _dimension_at(text: str, offset: int) -> str | None:
    """Return the dimension that is named at a character of a condition."""
    for match in _DIMENSION.finditer(text):
        if match.start() <= offset < match.end():
            return match.group(1)
    return None


def undeclared(name: str, transaction: str, declared: list[str]) -> str:
    """Return what to say about a dimension that a transaction does not have."""
    message = f'dimension "{name}" is not declared by transaction "{transaction}"'
    if not declared:
        return f"{message}; declare it under dimensions"
    close = get_close_matches(name, declared, n=1, cutoff=0.6)
    if not close:
        return f"{message}; declared: {_list(declared)}"
    others = [other for other in declared if other != close[0]]
    also = f" (also declared: {_list(others)})" if others else ""
    return f'{message}; did you mean "{close[0]}"?{also}'


def _list(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
