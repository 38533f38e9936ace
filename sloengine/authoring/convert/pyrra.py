"""Pyrra, `apiVersion: pyrra.dev/v1alpha1`, `kind: ServiceLevelObjective`."""

from __future__ import annotations

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
from sloengine.definitions import parse_duration
from sloengine.yamldoc import Data, Document

TOOL = "Pyrra"
_PROMETHEUS = "Prometheus"
_PREFIX = "pyrra.dev/"


def read_pyrra(document: Document, window: str | None) -> tuple[list[ForeignSlo], list[Account]]:
    """Return the objective of a Pyrra document, and what has to be said about it."""
    account = Account(f'{TOOL} SLO "{document.root.find(("metadata", "name")).text}"')
    fields = Fields(document.root, "", account)
    fields.take("apiVersion")
    fields.take("kind")
    fields.take("status")
    metadata, spec = fields.child("metadata"), fields.child("spec")
    fields.done()
    if metadata is None or spec is None:
        account.error(document.root.position, "an objective of Pyrra needs metadata and spec")
        return [], [account]
    name = metadata.needed("name")
    labels, annotations = _labels(metadata, account)
    metadata.refuse("namespace", "definitions here have no namespace")
    metadata.done()
    indicator, queries, latency = _indicator(spec.child("indicator"), account)
    slo = ForeignSlo(
        position=document.root.position,
        tool=TOOL,
        name=slug(name),
        service=str(labels.get("service") or labels.get("team") or name),
        description=spec.text("description"),
        target=ratio(account, spec, "target", percent=True),
        window=window or _window(spec, account),
        indicator=indicator,
        queries=queries,
        labels=labels,
        annotations=annotations,
        latency=latency,
        notes=account.notes,
    )
    spec.take("window")
    alerting = spec.child("alerting")
    if alerting is not None:
        _alerting(alerting)
    spec.refuse("partial_response_strategy", "belongs to the Thanos ruler")
    spec.refuse("performanceOverAccuracy", "numbers here are exact, and come from facts")
    spec.done()
    return [slo], [account]


def _labels(metadata: Fields, account: Account) -> tuple[dict[str, Data], dict[str, Data]]:
    """Pyrra hands `pyrra.dev/…` labels and annotations on without the prefix."""
    plain = {
        key.removeprefix(_PREFIX): value
        for key, value in metadata.texts("labels").items()
        if key != "prometheus"
    }
    annotations: dict[str, Data] = {
        key.removeprefix(_PREFIX): value
        for key, value in metadata.texts("annotations").items()
        if value
    }
    return split_labels(account, plain, metadata.position), annotations


def _window(spec: Fields, account: Account) -> str:
    written = spec.needed("window")
    try:
        parse_duration(written)
    except ValueError as error:
        account.error(spec.position, f"spec.window {error}; or give --window")
    return written


def _alerting(alerting: Fields) -> None:
    own = "alerts here follow the SLO's alertPolicies"
    alerting.refuse("disabled", own)
    alerting.refuse("burnrates", own)
    alerting.refuse("absent", "no data is a state of its own here, and alerts keep theirs")
    alerting.refuse("name", "alerts here are named after their SLO and policy")
    alerting.refuse("absentName", "alerts here are named after their SLO and policy")
    alerting.done()


def _indicator(
    indicator: Fields | None, account: Account
) -> tuple[dict[str, Data], list[tuple[str, str]], str | None]:
    if indicator is None:
        return {}, [], None
    ratio_fields, latency = indicator.child("ratio"), indicator.child("latency")
    native, gauge = indicator.child("latencyNative"), indicator.child("bool_gauge")
    indicator.done()
    if ratio_fields is not None:
        spec, queries = _two(ratio_fields, "bad", "errors", account)
        return spec, queries, None
    if latency is not None:
        spec, queries = _two(latency, "good", "success", account)
        limits = [limit for _, query in queries if (limit := limit_of(query)) is not None]
        return spec, queries, limits[0] if limits else None
    if native is not None:
        return _native(native, account)
    if gauge is not None:
        query = gauge.needed("metric")
        _grouping(gauge, account)
        gauge.done()
        metric = source(_PROMETHEUS, {"query": query})
        queries = [(gauge.path("metric"), query)]
        return {"ratioMetric": {"rawType": "success", "raw": metric}}, queries, None
    account.error(indicator.position, "the indicator has no ratio, latency, latencyNative or gauge")
    return {}, [], None


def _two(
    fields: Fields, side: str, key: str, account: Account
) -> tuple[dict[str, Data], list[tuple[str, str]]]:
    queries = []
    for member in (key, "total"):
        child = fields.child(member)
        if child is None:
            account.error(fields.position, f"{fields.path(member)} is missing")
            continue
        queries.append((child.path("metric"), child.needed("metric")))
        child.done()
    _grouping(fields, account)
    fields.done()
    if len(queries) < 2:
        return {}, queries
    metrics: dict[str, Data] = {
        "counter": True,
        side: source(_PROMETHEUS, {"query": queries[0][1]}),
        "total": source(_PROMETHEUS, {"query": queries[1][1]}),
    }
    return {"ratioMetric": metrics}, queries


def _native(
    native: Fields, account: Account
) -> tuple[dict[str, Data], list[tuple[str, str]], str | None]:
    total = native.child("total")
    query = ""
    if total is None:
        account.error(native.position, f"{native.path('total')} is missing")
    else:
        query = total.needed("metric")
        total.done()
    limit = native.needed("latency")
    _grouping(native, account)
    native.done()
    metrics: dict[str, Data] = {
        "counter": True,
        "good": source(_PROMETHEUS, {"query": query, "below": limit}),
        "total": source(_PROMETHEUS, {"query": query}),
    }
    try:
        parse_duration(limit)
    except ValueError as error:
        account.error(native.position, f"{native.path('latency')} {error}")
    return {"ratioMetric": metrics}, [(native.path("total.metric"), query)], limit


def _grouping(fields: Fields, account: Account) -> None:
    node = fields.take("grouping")
    if node is not None and node.items:
        names = ", ".join(item.text for item in node.items)
        account.note(
            node.key_position,
            f"{fields.path('grouping')}: one budget for each of {names} needs dimensions of a "
            "transaction and groupBy: here it is one budget for all",
        )
