"""Duration histograms of the store, in nanoseconds, as OTLP exponential histograms in seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics.export import Buckets, ExponentialHistogramDataPoint

from sloengine.names import Attribute
from sloengine.store import DurationHistogram, Exemplar

_NS = 10**9
_SCALE = 3
"""The scale that the store keeps: bounds are 2^(1/8) apart, so a quantile is at most 4.5% off."""
BAD_OUTCOMES = frozenset({"slow", "failed", "abandoned"})
"""Only these carry `error.type`: an excluded or unknown transaction is no error."""


def duration_points(
    histograms: Iterable[DurationHistogram], *, start_ns: int, at_ns: int
) -> list[ExponentialHistogramDataPoint]:
    """One point for each set of attributes.

    Histograms that differ only in the reason of an outcome that is not bad have one set of
    attributes, and two points with one set would contradict each other: they are added up.
    """
    grouped: dict[tuple[str, str, str], list[DurationHistogram]] = {}
    for histogram in histograms:
        reason = histogram.reason if histogram.outcome in BAD_OUTCOMES else ""
        key = (histogram.transaction, histogram.outcome, reason)
        grouped.setdefault(key, []).append(histogram)
    return [_point(key, parts, start_ns, at_ns) for key, parts in grouped.items()]


def _point(
    key: tuple[str, str, str], parts: list[DurationHistogram], start_ns: int, at_ns: int
) -> ExponentialHistogramDataPoint:
    transaction, outcome, reason = key
    attributes = {
        Attribute.TRANSACTION_NAME.value: transaction,
        Attribute.TRANSACTION_OUTCOME.value: outcome,
    }
    if reason:
        attributes[Attribute.ERROR_TYPE.value] = reason
    return ExponentialHistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=start_ns,
        time_unix_nano=at_ns,
        count=sum(part.events for part in parts),
        sum=sum(part.sum_ns for part in parts) / _NS,
        scale=_SCALE,
        zero_count=sum(part.zero_events for part in parts),
        positive=_buckets(parts),
        negative=Buckets(offset=0, bucket_counts=[]),
        flags=0,
        min=min(part.min_ns for part in parts) / _NS,
        max=max(part.max_ns for part in parts) / _NS,
        exemplars=[_exemplar(part.exemplar) for part in parts],
    )


def _buckets(parts: list[DurationHistogram]) -> Buckets:
    """All parts in one dense run of buckets."""
    counts: Counter[int] = Counter()
    for part in parts:
        counts.update(part.buckets)
    if not counts:
        return Buckets(offset=0, bucket_counts=[])
    first, last = min(counts), max(counts)
    return Buckets(offset=first, bucket_counts=[counts[index] for index in range(first, last + 1)])


def _exemplar(exemplar: Exemplar) -> SdkExemplar:
    return SdkExemplar(
        filtered_attributes={},
        value=exemplar.value_ns / _NS,
        time_unix_nano=exemplar.time_ns,
        span_id=exemplar.span_id,
        trace_id=exemplar.trace_id,
    )
