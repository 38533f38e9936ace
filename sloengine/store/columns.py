"""Facts as Arrow columns, and the column lists that statements share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import isqrt

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sloengine.store.facts import Coded, Fact, FactBatch, FactColumns

IDENTITY = ("trace_hi", "trace_lo", "entry_span_id", "entry_kind")
CONTENT = (
    "transaction",
    "definition",
    "revision",
    "start_ns",
    "end_ns",
    "outcome",
    "reason",
    "incomplete",
    "customer",
    "session",
    "intent",
    "amount_micros",
    "currency",
    "dimensions",
)
"""What two rows of one identity are compared by."""

LOW_64 = (1 << 64) - 1
INT64_MAX = (1 << 63) - 1

HISTOGRAM_SCALE = 3
"""Buckets grow by 2^(1/8), about 9%."""
_PER_DOUBLING = 1 << HISTOGRAM_SCALE


def fact_table(facts: Sequence[Fact], origins: Mapping[int, int], position: int) -> pa.Table:
    """Return facts as columns named as in `transactions`, plus `bucket`.

    `origins` has the oldest frame of each trace; `position` stands in where it has none.

    Instants past the year 2262 become the last one that 64 signed bits hold, and an amount that
    they cannot hold becomes NULL: a sender's nonsense must not stop every later commit. `bucket`
    is the histogram bucket of the duration, NULL where that is not above zero.
    """
    start = [min(fact.start_ns, INT64_MAX) for fact in facts]
    end = [min(fact.end_ns, INT64_MAX) for fact in facts]
    return pa.table(
        {
            "trace_hi": pa.array([fact.trace_id >> 64 for fact in facts], pa.uint64()),
            "trace_lo": pa.array([fact.trace_id & LOW_64 for fact in facts], pa.uint64()),
            "entry_span_id": pa.array([fact.entry_span_id for fact in facts], pa.uint64()),
            "entry_kind": pa.array([fact.entry_kind for fact in facts], pa.uint8()),
            "transaction": pa.array([fact.transaction for fact in facts], pa.string()),
            "definition": pa.array([fact.definition for fact in facts], pa.string()),
            "revision": pa.array([fact.revision for fact in facts], pa.string()),
            "start_ns": pa.array(start, pa.int64()),
            "end_ns": pa.array(end, pa.int64()),
            "outcome": pa.array([str(fact.outcome) for fact in facts], pa.string()),
            "reason": pa.array([fact.reason for fact in facts], pa.string()),
            "incomplete": pa.array([fact.incomplete for fact in facts], pa.bool_()),
            "customer": pa.array([fact.customer for fact in facts], pa.binary()),
            "session": pa.array([fact.session for fact in facts], pa.binary()),
            "intent": pa.array([fact.intent for fact in facts], pa.binary()),
            "amount_micros": pa.array(
                [_int64_or_none(fact.amount_micros) for fact in facts], pa.int64()
            ),
            "currency": pa.array([fact.currency for fact in facts], pa.string()),
            "dimensions": _dimensions(facts),
            "origin": pa.array(
                [origins.get(fact.trace_id, position) for fact in facts], pa.int64()
            ),
            "bucket": _buckets(start, end),
        }
    )


def batch_table(batch: FactBatch) -> pa.Table:
    """Return all facts of a batch as `fact_table` has them."""
    if batch.columns is None:
        return fact_table(batch.facts, batch.origins, batch.position)
    columns = column_table(batch.columns)
    if not batch.facts:
        return columns
    return pa.concat_tables([columns, fact_table(batch.facts, batch.origins, batch.position)])


def column_table(facts: FactColumns) -> pa.Table:
    """Return columns as `fact_table` would return the same facts."""
    rows = len(facts)
    start = np.minimum(facts.start_ns, np.uint64(INT64_MAX)).view(np.int64)
    end = np.minimum(facts.end_ns, np.uint64(INT64_MAX)).view(np.int64)
    amounts = facts.amount_micros
    if amounts is not None:
        amounts = [_int64_or_none(amount) for amount in amounts]
    return pa.table(
        {
            "trace_hi": pa.array(facts.trace_hi, pa.uint64()),
            "trace_lo": pa.array(facts.trace_lo, pa.uint64()),
            "entry_span_id": pa.array(facts.entry_span_id, pa.uint64()),
            "entry_kind": pa.array(facts.entry_kind, pa.uint8()),
            "transaction": _decoded(facts.transaction),
            "definition": _decoded(facts.definition),
            "revision": pa.repeat(pa.scalar(facts.revision, pa.string()), rows),
            "start_ns": pa.array(start, pa.int64()),
            "end_ns": pa.array(end, pa.int64()),
            "outcome": _decoded(facts.outcome),
            "reason": _decoded(facts.reason),
            "incomplete": pa.array(facts.incomplete, pa.bool_()),
            "customer": _optional(facts.customer, pa.binary(), rows),
            "session": _optional(facts.session, pa.binary(), rows),
            "intent": _optional(facts.intent, pa.binary(), rows),
            "amount_micros": _optional(amounts, pa.int64(), rows),
            "currency": _optional(facts.currency, pa.string(), rows),
            "dimensions": pa.MapArray.from_arrays(
                pa.array(facts.dimension_offsets, pa.int32()),
                _decoded(facts.dimension_names),
                pa.array(facts.dimension_values, pa.string()),
            ),
            "origin": pa.array(facts.origin, pa.int64()),
            "bucket": _buckets(start, end),
        }
    )


def repeats_identity(batch: FactBatch) -> bool:
    """Whether two facts of a batch have one identity."""
    keys = [(f.trace_id, f.entry_span_id, f.entry_kind) for f in batch.facts]
    identities = set(keys)
    if len(identities) < len(keys):
        return True
    columns = batch.columns
    if columns is None or not len(columns):
        return False
    if not identities.isdisjoint(_identities_of(columns, {trace_id for trace_id, _, _ in keys})):
        return True
    parts = (columns.entry_kind, columns.entry_span_id, columns.trace_lo, columns.trace_hi)
    order = np.lexsort(parts)
    is_same = np.ones(len(columns) - 1, dtype=bool)
    for part in parts:
        is_same &= part[order][1:] == part[order][:-1]
    return bool(is_same.any())


def _identities_of(columns: FactColumns, traces: Collection[int]) -> Iterator[tuple[int, int, int]]:
    """Yield the identities of the rows that are of some traces."""
    if not traces:
        return
    high, low = columns.trace_hi.tolist(), columns.trace_lo.tolist()
    for row, (first, last) in enumerate(zip(high, low, strict=True)):
        trace_id = first << 64 | last
        if trace_id in traces:
            yield trace_id, int(columns.entry_span_id[row]), int(columns.entry_kind[row])


def trace_table(trace_ids: Iterable[int]) -> pa.Table:
    """Return trace ids as the columns `trace_hi` and `trace_lo`."""
    ids = list(trace_ids)
    return pa.table(
        {
            "trace_hi": pa.array([trace_id >> 64 for trace_id in ids], pa.uint64()),
            "trace_lo": pa.array([trace_id & LOW_64 for trace_id in ids], pa.uint64()),
        }
    )


def bucket_of(duration_ns: int) -> int:
    """Return the histogram bucket of a duration above zero, exactly.

    Bucket i holds (2^(i/8), 2^((i+1)/8)] seconds: OpenTelemetry's base-2 exponential histogram,
    https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
    """
    return _FIRST_BUCKET + int(np.searchsorted(_UPPER_BOUNDS, duration_ns, side="left"))


def _buckets(start: npt.ArrayLike, end: npt.ArrayLike) -> pa.Array:
    duration = np.asarray(end, dtype=np.int64) - np.asarray(start, dtype=np.int64)
    bucket = np.searchsorted(_UPPER_BOUNDS, duration, side="left") + _FIRST_BUCKET
    return pa.array(bucket.astype(np.int16), mask=duration <= 0)


def _dimensions(facts: Sequence[Fact]) -> pa.Array:
    """Return a map for each fact, keys ascending: equal maps must be equal rows."""
    offsets = [0]
    items: list[tuple[str, str]] = []
    for fact in facts:
        items.extend(sorted(fact.dimensions.items()))
        offsets.append(len(items))
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()),
        pa.array([key for key, _ in items], pa.string()),
        pa.array([value for _, value in items], pa.string()),
    )


def _decoded(column: Coded) -> pa.Array:
    return pa.array(column.texts, pa.string()).take(pa.array(column.codes, pa.int32()))


def _optional(values: Sequence[object] | None, kind: pa.DataType, rows: int) -> pa.Array:
    return pa.nulls(rows, kind) if values is None else pa.array(values, kind)


def _int64_or_none(value: int | None) -> int | None:
    return value if value is not None and abs(value) <= INT64_MAX else None


def _greatest_within(bucket: int) -> int:
    """Return the most nanoseconds that bucket `bucket` holds: floor(2^((bucket+1)/8) × 10^9).

    Three integer square roots are an integer eighth root.
    """
    power = bucket + 1
    scaled = 10**72 << power if power >= 0 else 10**72 >> -power
    return isqrt(isqrt(isqrt(scaled)))


# One nanosecond is 2^(-29.9) s and 2^63 ns are 2^(33.1) s.
_FIRST_BUCKET = -30 * _PER_DOUBLING
_UPPER_BOUNDS = np.array(
    [
        bound
        for bound in map(_greatest_within, range(_FIRST_BUCKET, 34 * _PER_DOUBLING))
        if bound <= INT64_MAX
    ],
    dtype=np.int64,
)
