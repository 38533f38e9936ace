"""The shape of every kind of OpenSLO v1, field by field as its specification has it.

Where this is stricter or wider than the specification, docs/definitions.md says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from sloengine.definitions.duration import CALENDAR_PATTERN, PATTERN
from sloengine.definitions.shapes import (
    Anything,
    Boolean,
    Choice,
    FreeMapping,
    Instant,
    Length,
    Nothing,
    Number,
    Pattern,
    Schema,
    Shape,
    Shared,
    SliceWindow,
    Text,
    TimeZone,
)
from sloengine.definitions.structures import (
    AnyOf,
    Called,
    Either,
    Given,
    ListOf,
    Record,
    Reference,
    inline_definition,
    inline_metadata,
    record,
)

OUR_TYPE = "sloengine"
OPERATORS = ("lt", "lte", "gt", "gte")
METHODS = ("Occurrences", "Timeslices", "RatioTimeslices")
COUNTS = ("transactions", "intents", "userMinutes")
_DESCRIPTION = (Text(longest=1050), "What it is for, in at most 1,050 characters.")

SERVICE = record({"description": _DESCRIPTION})
DATA_SOURCE = record(
    {
        "description": _DESCRIPTION,
        "type": (Text(), "Kind of source. `sloengine` is this engine's own transactions."),
        "connectionDetails": (Anything(), "Belongs to the source; not interpreted."),
    },
    ("type",),
)
NOTIFICATION_TARGET = record(
    {
        "target": (Text(), "Where a notification goes, for instance email or slack."),
        "description": _DESCRIPTION,
    },
    ("target",),
)
ALERT_CONDITION = record(
    {
        "description": _DESCRIPTION,
        "severity": (Text(), "How serious it is, for instance page or ticket."),
        "condition": (
            record(
                {
                    "kind": (Choice(("burnrate",)), "What is measured; burnrate where left out."),
                    "op": (Choice(OPERATORS), "How it compares; gt where left out."),
                    "threshold": (Number(), "The burn rate to compare with; 1 uses the budget up."),
                    "lookbackWindow": (Length(), "How far the burn rate looks back."),
                    "alertAfter": (
                        Length(positive=False),
                        "How long it must hold; 0m where left out.",
                    ),
                },
                ("threshold", "lookbackWindow"),
            ),
            "When it holds.",
        ),
    },
    ("severity", "condition"),
)
NOTIFIED = ListOf(
    Either(
        "targetRef",
        "AlertNotificationTarget",
        inline_definition("AlertNotificationTarget", NOTIFICATION_TARGET),
        "Name of an AlertNotificationTarget.",
    )
)
ALERT_POLICY = record(
    {
        "description": _DESCRIPTION,
        "alertWhenNoData": (Boolean(), "Whether to alert where there is no data."),
        "alertWhenResolved": (Boolean(), "Whether to say that it is over."),
        "alertWhenBreaching": (Boolean(), "Whether to alert while the condition holds."),
        "conditions": (
            ListOf(
                Either(
                    "conditionRef",
                    "AlertCondition",
                    inline_definition("AlertCondition", ALERT_CONDITION),
                    "Name of an AlertCondition.",
                ),
                most=1,
            ),
            "Exactly one condition, inline or as conditionRef. Several: kind BurnRatePolicy.",
        ),
        "notificationTargets": (NOTIFIED, "Who is told, inline or as targetRef."),
    },
    ("conditions", "notificationTargets"),
)
POLICIES = ListOf(
    Either(
        "alertPolicyRef",
        "AlertPolicy",
        inline_definition("AlertPolicy", ALERT_POLICY),
        "Name of an AlertPolicy, of a BurnRatePolicy, or `workbook`.",
    )
)
"""The `alertPolicies` of an SLO: inline, or by reference to an AlertPolicy or BurnRatePolicy."""

_OUR_SPEC: Mapping[str, tuple[Shape, str]] = {
    "transaction": (Reference("BusinessTransaction"), "Which BusinessTransaction is counted."),
    "journey": (Reference("Journey"), "Which Journey is counted, instead of a transaction."),
    "where": (
        Text(word="condition"),
        'Condition on each fact, such as transaction.outcome == "good".',
    ),
    "count": (Choice(COUNTS), "What is counted; transactions where left out."),
    "groupBy": (ListOf(Text()), "Dimensions: one budget for each of their values."),
}


def _our_source(**more: tuple[Shape, str]) -> Record:
    """Return the `spec` of a metricSource of type sloengine, with keys that its place allows."""
    return record({**_OUR_SPEC, **more}, exactly_one=(("transaction", "journey"),))


def _metric(name: str, spec: Record) -> Called:
    """Return a metric: `metricSource` and nothing else."""

    def ours(shared: Shared) -> Schema:
        return {
            "if": {"properties": {"type": {"const": OUR_TYPE}}, "required": ["type"]},
            "then": {"properties": {"spec": spec.schema(shared)}},
            "else": {"properties": {"spec": {"type": ["object", "null"]}}},
        }

    source: tuple[Shape, str] = (Given(METRIC_SOURCE, ours), "Where it is read.")
    return Called(name, lambda: record({"metricSource": source}, ("metricSource",)))


METRIC_SOURCE = record(
    {
        "metricSourceRef": (Reference("DataSource"), "Name of a DataSource, which knows the type."),
        "type": (Text(), "Kind of source; `sloengine` is this engine's own transactions."),
        "spec": (
            AnyOf((FreeMapping(), Nothing())),
            "The query. Of another type: not evaluable here, and reported as that.",
        ),
    },
    ("spec",),
    some_of=("metricSourceRef", "type"),
)
PART = _our_source()
TOTAL = _our_source(
    unknown=(Choice(("bad",)), "`bad` counts unknown outcomes as bad; else they count nowhere.")
)
VALUES = _our_source(
    value=(Text(), "Which number of a transaction, such as duration."),
    aggregate=(Text(), "How a slice's numbers become one, such as p99."),
)
RATIO_METRIC = record(
    {
        "counter": (Boolean(), "Whether the metric only rises; means nothing to this engine."),
        "good": (_metric("partMetric", PART), "What of total is good."),
        "bad": (_metric("partMetric", PART), "What of total is bad, instead of good."),
        "total": (_metric("totalMetric", TOTAL), "What counts at all."),
        "rawType": (Choice(("success", "failure")), "What raw is a ratio of."),
        "raw": (
            _metric("valuesMetric", VALUES),
            "A ratio that is ready made, instead of good or bad, and total.",
        ),
    },
    exactly_one=(("total", "raw"), ("good", "bad", "raw")),
)


def _raw_has_its_type(_shared: Shared) -> Schema:
    return {
        "allOf": [
            {"if": {"required": [one]}, "then": {"required": [other]}}
            for one, other in (("raw", "rawType"), ("rawType", "raw"))
        ]
    }


INDICATOR = record(
    {
        "description": _DESCRIPTION,
        "thresholdMetric": (
            _metric("valuesMetric", VALUES),
            "A number that objectives compare with their value.",
        ),
        "ratioMetric": (Given(RATIO_METRIC, _raw_has_its_type), "Good or bad events of a total."),
    },
    exactly_one=(("thresholdMetric", "ratioMetric"),),
)
INLINE_INDICATOR = record(
    {
        "metadata": (inline_metadata, "Name and labels; may be left out."),
        "spec": (INDICATOR, "As in an SLI of its own."),
    },
    ("spec",),
)
CALENDAR = record(
    {
        "startTime": (Instant(local=True), "When some window began, as 2026-01-31 12:30:00."),
        "timeZone": (TimeZone(), "IANA name, such as Europe/Berlin; UTC where left out."),
    },
    ("startTime",),
)
WINDOW = record(
    {
        "duration": (
            Pattern(rf"^\s*(({PATTERN})+|{CALENDAR_PATTERN})\s*$", "duration"),
            "28d or 4w if rolling; 1M, 1Q, 1Y, 2w … with a calendar.",
        ),
        "isRolling": (Boolean(), "true, or a calendar is needed."),
        "calendar": (CALENDAR, "Aligns the window to a calendar."),
    },
    ("duration",),
)


def _rolling_or_calendar(_shared: Shared) -> Schema:
    return {
        "if": {"required": ["calendar"]},
        "then": {
            "properties": {
                "isRolling": {"const": False},
                "duration": {"pattern": rf"^\s*{CALENDAR_PATTERN}\s*$"},
            }
        },
        "else": {
            "properties": {
                "isRolling": {"const": True},
                "duration": {"pattern": rf"^\s*({PATTERN})+\s*$"},
            },
            "required": ["isRolling"],
        },
    }


SLICE_TARGET = Number(above=0, most=1)
WEIGHT = Number(above=0)
OBJECTIVE = record(
    {
        "displayName": (Text(), "Its name in reports; the target where left out."),
        "op": (Choice(OPERATORS), "How a thresholdMetric compares with value."),
        "value": (Number(), "What a thresholdMetric is compared with."),
        "target": (Number(above=0, below=1), "Share that must be good, such as 0.995."),
        "targetPercent": (Number(above=0, below=100), "The same in percent, such as 99.5."),
        "timeSliceTarget": (SLICE_TARGET, "From which share on a slice is good (Timeslices)."),
        "timeSliceWindow": (SliceWindow(), "Length of a slice: 1m, or minutes as a number."),
        "indicator": (
            Called("inlineIndicator", lambda: INLINE_INDICATOR),
            "In a composite: the indicator of this part.",
        ),
        "indicatorRef": (Reference("SLI"), "In a composite: the name of an SLI."),
        "compositeWeight": (WEIGHT, "In a composite: the weight of this part; 1 if left out."),
    },
    exactly_one=(("target", "targetPercent"),),
)
SLO = record(
    {
        "description": _DESCRIPTION,
        "service": (Text(), "Which service promises; may name a Service."),
        "indicator": (Called("inlineIndicator", lambda: INLINE_INDICATOR), "What is measured."),
        "indicatorRef": (Reference("SLI"), "Name of an SLI, instead of indicator."),
        "timeWindow": (
            ListOf(Given(WINDOW, _rolling_or_calendar), most=1),
            "Exactly one window, rolling or by the calendar. Without one nothing is evaluated.",
        ),
        "budgetingMethod": (Choice(METHODS), "What the budget counts: events, or slices of time."),
        "objectives": (
            ListOf(OBJECTIVE),
            "One target or several; with thresholdMetric exactly one.",
        ),
        "alertPolicies": (
            AnyOf((POLICIES, Nothing())),
            "Who is alerted when; `workbook` is the default.",
        ),
    },
    ("service", "budgetingMethod", "objectives"),
)
COMPOSITE = ("indicator", "indicatorRef")
"""Keys of an objective that make its SLO a composite."""


def _slices_and_indicators(_shared: Shared) -> Schema:
    """Say what objectives need and forbid, by method and by metric."""
    own: Schema = {"anyOf": [{"required": [key]} for key in COMPOSITE]}
    return {
        "allOf": [
            _objectives_if_method("Occurrences", _without("timeSliceTarget", "timeSliceWindow")),
            _objectives_if_method(
                "Timeslices", {"required": ["timeSliceTarget", "timeSliceWindow"]}
            ),
            _objectives_if_method(
                "RatioTimeslices",
                {"required": ["timeSliceWindow"], **_without("timeSliceTarget")},
            ),
            {
                "if": {"anyOf": [{"required": [key]} for key in COMPOSITE]},
                "then": {
                    **_each_objective(_without(*COMPOSITE, "compositeWeight")),
                    "not": {"required": list(COMPOSITE)},
                },
                "else": _each_objective(own),
            },
            {
                "if": _has_metric("ratioMetric"),
                "then": _each_objective(_without("op", "value")),
            },
            {
                "if": _has_metric("thresholdMetric"),
                "then": {
                    "properties": {
                        "objectives": {"maxItems": 1, "items": {"required": ["op", "value"]}}
                    }
                },
            },
        ]
    }


def _objectives_if_method(method: str, objective: Schema) -> Schema:
    return {
        "if": {"properties": {"budgetingMethod": {"const": method}}},
        "then": _each_objective(objective),
    }


def _each_objective(objective: Schema) -> Schema:
    return {"properties": {"objectives": {"items": objective}}}


def _without(*keys: str) -> Schema:
    return {"properties": dict.fromkeys(keys, False)}


def _has_metric(metric_name: str) -> Schema:
    spec = {"properties": {"spec": {"required": [metric_name]}}, "required": ["spec"]}
    return {"properties": {"indicator": spec}, "required": ["indicator"]}


SPECS: Mapping[str, Shape] = {
    "SLO": Given(SLO, _slices_and_indicators),
    "SLI": INDICATOR,
    "Service": SERVICE,
    "DataSource": DATA_SOURCE,
    "AlertPolicy": ALERT_POLICY,
    "AlertCondition": ALERT_CONDITION,
    "AlertNotificationTarget": NOTIFICATION_TARGET,
}
"""The shape of `spec`, by kind."""
