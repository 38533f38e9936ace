"""slo-generator, `apiVersion: sre.google.com/v2`, `kind: ServiceLevelObjective`."""

from __future__ import annotations

import re

from sloengine.authoring.convert.foreign import (
    DEFAULT_WINDOW,
    Account,
    Fields,
    ForeignSlo,
    duration_of,
    ratio,
    slug,
    source,
    split_labels,
)
from sloengine.yamldoc import Data, Document

TOOL = "slo-generator"
_HISTOGRAM = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*?)(_bucket)?\s*(\{|\[|$)")
_METHODS = ("good_bad_ratio", "distribution_cut", "query_sli", "query_slo")
Parts = tuple[dict[str, Data], list[tuple[str, str]], str | None]
"""An indicator, its original queries, and the limit of a latency."""


def read_slo_generator(
    document: Document, window: str | None
) -> tuple[list[ForeignSlo], list[Account]]:
    """Return the objective of an slo-generator document, and what has to be said about it."""
    account = Account(f'{TOOL} SLO "{document.root.find(("metadata", "name")).text}"')
    fields = Fields(document.root, "", account)
    fields.take("apiVersion")
    fields.take("kind")
    metadata, spec = fields.child("metadata"), fields.child("spec")
    fields.done()
    if metadata is None or spec is None:
        account.error(
            document.root.position, "an objective of slo-generator needs metadata and spec"
        )
        return [], [account]
    name = metadata.needed("name")
    labels = metadata.texts("labels")
    metadata.done()
    backend, method = spec.needed("backend"), spec.needed("method")
    indicator, queries, latency = _indicator(spec, backend, method, account)
    if window is None:
        account.note(
            document.root.position,
            f"windows stand in slo-generator's shared error budget policy; {DEFAULT_WINDOW} used",
        )
    slo = ForeignSlo(
        position=document.root.position,
        tool=TOOL,
        name=slug(name),
        service=labels.get("service_name") or labels.get("service") or name,
        description=spec.text("description"),
        target=ratio(account, spec, "goal", percent=False),
        window=window or DEFAULT_WINDOW,
        indicator=indicator,
        queries=queries,
        labels=split_labels(account, labels, metadata.position),
        latency=latency,
        notes=account.notes,
    )
    spec.refuse("exporters", "metrics leave this engine by OTLP; see docs/metrics.md")
    spec.refuse("error_budget_policy", "stands in slo-generator's shared configuration")
    spec.done()
    return [slo], [account]


def _indicator(spec: Fields, backend: str, method: str, account: Account) -> Parts:
    fields = spec.child("service_level_indicator")
    if fields is None:
        account.error(spec.position, "spec has no service_level_indicator")
        return {}, [], None
    if method == "good_bad_ratio" and "filter_good" in fields and "filter_valid" in fields:
        return _good_of_valid(fields, backend)
    if method == "good_bad_ratio" and "filter_bad" in fields and "filter_valid" in fields:
        return _good_of_valid(fields, backend, "filter_bad", "bad")
    if method == "distribution_cut":
        return _cut(fields, backend, account)
    if method not in _METHODS:
        account.note(
            spec.position, f"spec.method: {method} is kept as a ratio that {backend} knows"
        )
    what = fields.path("")
    data = dict(fields.data())
    queries = [(f"{what}{key}", str(value)) for key, value in data.items()]
    return _raw(backend, method, data), queries, None


def _good_of_valid(
    fields: Fields, backend: str, key: str = "filter_good", side: str = "good"
) -> Parts:
    part, valid = fields.needed(key), fields.needed("filter_valid")
    queries = [(fields.path(key), part), (fields.path("filter_valid"), valid)]
    rest = dict(fields.data())
    metrics: dict[str, Data] = {
        "counter": True,
        side: source(backend, {"query": part, **rest}),
        "total": source(backend, {"query": valid, **rest}),
    }
    return {"ratioMetric": metrics}, queries, None


def _cut(fields: Fields, backend: str, account: Account) -> Parts:
    position, what = fields.position, fields.path("")
    data = dict(fields.data())
    expression = str(data.get("expression", data.get("filter_valid", "")))
    bucket = str(data.get("threshold_bucket", ""))
    metric = _HISTOGRAM.match(expression.strip())
    limit = duration_of(metric.group(1), bucket) if metric else None
    if str(data.get("good_below_threshold", "true")).lower() == "false":
        limit = None
        account.note(position, f"{what}good_below_threshold: good above a limit has no counterpart")
    elif limit is None:
        account.note(
            position,
            f"{what}threshold_bucket: {bucket} has no unit that could be known; write longerThan",
        )
    return _raw(backend, "distribution_cut", data), [(f"{what}expression", expression)], limit


def _raw(backend: str, method: str, data: dict[str, Data]) -> dict[str, Data]:
    spec: dict[str, Data] = {"method": method, **data}
    return {"ratioMetric": {"rawType": "success", "raw": source(backend, spec)}}
