"""`ExportState`: the counters and histograms that leave the engine, as the store keeps them.

They are written in the same transaction as the facts that they count, so they are cumulative since
`ExportState.start_ns` whatever was killed or restarted in between, and sending the same state
twice is harmless.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import isqrt

SCALE = 3
"""Every duration histogram has this scale: a bucket's bounds are 2^(1/8) (9.05%) apart, and any
quantile is at most 4.4% off."""

FIRST_BUCKET = -240
"""Index of the bucket that holds a duration of one nanosecond."""
_LAST_BUCKET = 272


def _upper_bound_ns(index: int) -> int:
    """The greatest whole number of nanoseconds that is no more than 2^((index + 1) / 8) seconds.

    Exact: v / 10^9 <= 2^(k / 8) is v^8 <= 10^72 * 2^k, and three integer square roots are an
    integer eighth root.
    """
    power = index + 1
    scaled = 10**72 << power if power >= 0 else 10**72 >> -power
    return isqrt(isqrt(isqrt(scaled)))


BUCKET_UPPER_NS: tuple[int, ...] = tuple(
    _upper_bound_ns(index) for index in range(FIRST_BUCKET, _LAST_BUCKET + 1)
)
"""Inclusive upper bounds of buckets `FIRST_BUCKET`, `FIRST_BUCKET + 1`, … in whole nanoseconds.

The bucket of a duration is `FIRST_BUCKET` plus the position of the first bound that is not below
it. The last bound lies beyond the greatest 64-bit duration."""


def bucket_index(duration_ns: int) -> int | None:
    """The OpenTelemetry bucket index, at `SCALE` and in seconds, of a duration.

    Bucket i covers durations in (2^(i / 8), 2^((i + 1) / 8)] seconds. `None` means the zero
    bucket: a duration of zero, or a negative one (two clocks disagreed), which counts as zero.
    """
    if duration_ns <= 0:
        return None
    return FIRST_BUCKET + bisect_left(BUCKET_UPPER_NS, duration_ns)


@dataclass(frozen=True, slots=True)
class EventCounter:
    """How many events of an SLO had `result` when they were first judged. Only rises."""

    slo: str
    result: str
    """good, bad, excluded or unknown."""
    count: int


@dataclass(frozen=True, slots=True)
class CorrectedCounter:
    """How many verdicts changed after they were first counted. Only rises."""

    slo: str
    from_result: str
    to_result: str
    count: int


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One transaction that stands for its histogram: where to look."""

    trace_id: int
    """128 bits, unsigned."""
    span_id: int
    """64 bits, unsigned: the entry span."""
    value_ns: int
    time_ns: int
    """When the entry span ended."""


@dataclass(frozen=True, slots=True)
class DurationHistogram:
    """Durations of one transaction's first verdicts with one outcome and reason. Only grows.

    `count` is `zero_count` plus the sum of `bucket_counts`. `bucket_counts[0]` belongs to bucket
    index `offset` (see `bucket_index`); it is empty where all durations were zero.
    """

    transaction: str
    outcome: str
    reason: str
    """Empty where good."""
    zero_count: int
    count: int
    sum_ns: int
    """Negative durations count as zero."""
    min_ns: int
    max_ns: int
    offset: int
    bucket_counts: tuple[int, ...]
    exemplar: Exemplar | None = None
    scale: int = SCALE


@dataclass(frozen=True, slots=True)
class ExportState:
    """Everything cumulative that leaves the engine, from one consistent snapshot."""

    start_ns: int
    """When counting began: the store's creation. It survives restarts."""
    events: tuple[EventCounter, ...]
    corrected: tuple[CorrectedCounter, ...]
    durations: tuple[DurationHistogram, ...]
