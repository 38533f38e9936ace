"""Sloth, `version: prometheus/v1`."""

from __future__ import annotations

from decimal import Decimal

from sloengine.authoring.convert.foreign import (
    Account,
    Fields,
    ForeignSlo,
    limit_of,
    ratio,
    slug,
    source,
    split_labels,
)
from sloengine.yamldoc import Data, Document, Node

TOOL = "Sloth"
_PERIOD = "30d"
_PROMETHEUS = "Prometheus"
# Sloth's own pairs of windows over 30 days: severity, burn rate, long, short.
_PAIRS = (
    ("page", "14.4", "1h", "5m"),
    ("page", "6", "6h", "30m"),
    ("ticket", "3", "1d", "2h"),
    ("ticket", "1", "3d", "6h"),
)


def read_sloth(document: Document, window: str | None) -> tuple[list[ForeignSlo], list[Account]]:
    """Return the objectives of a Sloth file, and what has to be said about them."""
    head = Account(TOOL)
    fields = Fields(document.root, "", head)
    fields.take("version")
    service = fields.needed("service")
    labels = fields.texts("labels")
    slos = fields.take("slos")
    fields.done()
    found, accounts = [], [head]
    for index, node in enumerate(slos.items if slos is not None else ()):
        account = Account("")
        accounts.append(account)
        found.append(_objective(node, f"slos[{index}]", service, labels, window, account))
    if not found:
        head.error(document.root.position, "the file has no slos")
    return found, accounts


def _objective(
    node: Node,
    what: str,
    service: str,
    labels: dict[str, str],
    window: str | None,
    account: Account,
) -> ForeignSlo:
    account.subject = f'{TOOL} SLO "{node.find(("name",)).text}"'
    fields = Fields(node, what, account)
    name = fields.needed("name")
    if window is None:
        account.note(
            node.position,
            f"Sloth's period stands on its command line; {_PERIOD}, its default, used",
        )
    sli = fields.child("sli")
    indicator, queries = _indicator(sli, account)
    latency = _latency(queries)
    slo = ForeignSlo(
        position=node.position,
        tool=TOOL,
        name=slug(service, name),
        service=service,
        description=fields.text("description"),
        target=ratio(account, fields, "objective", percent=True),
        window=window or _PERIOD,
        indicator=indicator,
        queries=queries,
        labels=split_labels(account, {**labels, **fields.texts("labels")}, node.position),
        latency=latency,
        notes=account.notes,
    )
    alerting = fields.child("alerting")
    if alerting is not None:
        _alerting(alerting, slo, account)
    fields.refuse("plugins", "plugins of Sloth do not run here")
    fields.done()
    return slo


def _indicator(
    sli: Fields | None, account: Account
) -> tuple[dict[str, Data], list[tuple[str, str]]]:
    if sli is None:
        return {}, []
    events, raw, plugin = sli.child("events"), sli.child("raw"), sli.child("plugin")
    sli.done()
    if events is not None:
        error, total = events.needed("error_query"), events.needed("total_query")
        events.done()
        ratio_metric: dict[str, Data] = {
            "counter": True,
            "bad": source(_PROMETHEUS, {"query": error}),
            "total": source(_PROMETHEUS, {"query": total}),
        }
        queries = [(events.path("error_query"), error), (events.path("total_query"), total)]
        return {"ratioMetric": ratio_metric}, queries
    if raw is not None:
        query = raw.needed("error_ratio_query")
        raw.done()
        return _failure_ratio(_PROMETHEUS, {"query": query}), [
            (raw.path("error_ratio_query"), query)
        ]
    if plugin is not None:
        spec = dict(plugin.data())
        return _failure_ratio("Sloth plugin", spec), [(plugin.path("id"), str(spec.get("id", "")))]
    account.error(sli.position, "the sli has neither events, raw nor plugin")
    return {}, []


def _failure_ratio(kind: str, spec: dict[str, Data]) -> dict[str, Data]:
    return {"ratioMetric": {"rawType": "failure", "raw": source(kind, spec)}}


def _latency(queries: list[tuple[str, str]]) -> str | None:
    limits = {limit for _, query in queries if (limit := limit_of(query)) is not None}
    return limits.pop() if len(limits) == 1 else None


def _alerting(alerting: Fields, slo: ForeignSlo, account: Account) -> None:
    alerting.refuse("name", "alerts here are named after their SLO and policy")
    alerting.refuse("labels", "alerts here carry the labels of their SLO")
    slo.annotations.update(_annotations(alerting))
    disabled = set()
    for key, severity in (("page_alert", "page"), ("ticket_alert", "ticket")):
        alert = alerting.child(key)
        if alert is None:
            continue
        if alert.text("disable").lower() == "true":
            disabled.add(severity)
        alert.refuse("labels", "a severity has no labels of its own here")
        alert.refuse("annotations", "a severity has no annotations of its own here")
        alert.done()
    alerting.done()
    kept = [pair for pair in _PAIRS if pair[0] not in disabled]
    if not kept:
        account.note(
            alerting.position,
            f"{alerting.path('page_alert')} and ticket_alert are both "
            'disabled; here the policy "workbook" applies to every SLO without one',
        )
        return
    slo.policy = {
        "windows": [
            {"burnRate": Decimal(rate), "long": long, "short": short, "severity": severity}
            for severity, rate, long, short in kept
        ]
    }


def _annotations(alerting: Fields) -> dict[str, Data]:
    """Annotations of an alert are for those who are told: they become the SLO's own."""
    return {key: value for key, value in alerting.texts("annotations").items() if value}
