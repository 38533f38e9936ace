"""An evaluation and the store's export state, as OTLP metrics: a pure function.

One resource and one scope, on purpose: the official encoder lets two equal resources, or two equal
scopes of one resource, overwrite each other without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import ExponentialHistogram as HistogramData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from sloengine import names
from sloengine.evaluate.evaluation import Evaluation, SloEvaluation
from sloengine.exporter.histograms import duration_points
from sloengine.names import Attribute
from sloengine.store import ExportState

_RESULTS = ("good", "bad", "excluded", "unknown")

Labels = tuple[tuple[Attribute, str], ...]


def build_metrics(
    evaluation: Evaluation, state: ExportState, *, at_ns: int, resource: Resource, version: str
) -> MetricsData:
    """The metrics of `sloengine.names.RESULTS` at one instant.

    Counters and histograms run from `state.start_ns` to `at_ns`, so the same arguments give the
    same points, byte for byte, before and after a restart. Each SLO of the evaluation has all four
    results in `sloengine.slo.events`, zero included: a counter that first appears with its first
    bad event would hide that event from a rate. Gauges without data are left out, never zero.
    """
    # A wall clock that was set back must not make an interval end before it starts.
    at_ns = max(at_ns, state.start_ns + 1)
    metrics = [
        _histogram(state, at_ns),
        _sum(names.SLO_EVENTS, _events(evaluation, state), state.start_ns, at_ns),
        _sum(names.SLO_EVENTS_CORRECTED, _corrected(state), state.start_ns, at_ns),
        *_gauges(evaluation, at_ns),
    ]
    scope = ScopeMetrics(
        scope=InstrumentationScope(names.SCOPE_RESULTS, version),
        metrics=[metric for metric in metrics if metric.data.data_points],
        schema_url="",
    )
    return MetricsData(
        [ResourceMetrics(resource=resource, scope_metrics=[scope], schema_url=resource.schema_url)]
    )


def count_points(data: MetricsData) -> int:
    """How many data points it holds."""
    return sum(
        len(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def _events(evaluation: Evaluation, state: ExportState) -> dict[Labels, int]:
    counts: dict[Labels, int] = {
        _event(slo, result): 0
        for slo in sorted({slo.slo for slo in evaluation.slos})
        for result in _RESULTS
    }
    for (name, result), count in state.verdicts.items():
        counts[_event(name, result)] = count
    return counts


def _event(slo: str, result: str) -> Labels:
    return ((Attribute.SLO_NAME, slo), (Attribute.SLO_RESULT, result))


def _corrected(state: ExportState) -> dict[Labels, int]:
    return {
        (
            (Attribute.SLO_NAME, slo),
            (Attribute.CORRECTED_FROM, before),
            (Attribute.CORRECTED_TO, after),
        ): count
        for (slo, before, after), count in state.corrections.items()
    }


def _gauges(evaluation: Evaluation, at_ns: int) -> Iterable[Metric]:
    slos = [(_objective(slo), slo) for slo in evaluation.slos]
    coverage = evaluation.coverage.share
    yield _gauge(names.SLO_OBJECTIVE, [(labels, float(slo.target)) for labels, slo in slos], at_ns)
    yield _gauge(
        names.SLO_SLI,
        [(labels, float(slo.sli)) for labels, slo in slos if slo.sli is not None],
        at_ns,
    )
    yield _gauge(
        names.SLO_BUDGET_REMAINING,
        [
            (labels, float(slo.budget_remaining))
            for labels, slo in slos
            if slo.budget_remaining is not None
        ],
        at_ns,
    )
    yield _gauge(
        names.SLO_BURN_RATE,
        [
            ((*labels, (Attribute.BURN_WINDOW, burn.window)), float(burn.rate))
            for labels, slo in slos
            for burn in slo.burn_rates
            if burn.rate is not None
        ],
        at_ns,
    )
    yield _gauge(names.SLO_COVERAGE, [] if coverage is None else [((), float(coverage))], at_ns)


def _objective(slo: SloEvaluation) -> Labels:
    name: Labels = ((Attribute.SLO_NAME, slo.slo),)
    return (*name, (Attribute.OBJECTIVE_NAME, slo.objective)) if slo.objective else name


def _sum(metric: names.Metric, counts: Mapping[Labels, int], start_ns: int, at_ns: int) -> Metric:
    points = [
        NumberDataPoint(_plain(labels), start_ns, at_ns, count) for labels, count in counts.items()
    ]
    data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
    return Metric(metric.name, metric.description, metric.unit, data)


def _gauge(metric: names.Metric, values: Sequence[tuple[Labels, float]], at_ns: int) -> Metric:
    points = [NumberDataPoint(_plain(labels), 0, at_ns, value) for labels, value in values]
    return Metric(metric.name, metric.description, metric.unit, Gauge(points))


def _histogram(state: ExportState, at_ns: int) -> Metric:
    metric = names.TRANSACTION_DURATION
    data = HistogramData(
        duration_points(state.durations, start_ns=state.start_ns, at_ns=at_ns),
        AggregationTemporality.CUMULATIVE,
    )
    return Metric(metric.name, metric.description, metric.unit, data)


def _plain(labels: Labels) -> dict[str, str]:
    return {key.value: value for key, value in labels}
