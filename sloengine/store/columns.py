"""Facts as Arrow columns, and the column lists that statements share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import isqrt

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sloengine.store.distinct import distinct
from sloengine.store.facts import Coded, Fact, FactBatch, FactColumns
from sloengine.store.kinds import Kind, Numbering

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
FACT_COLUMNS = (
    "trace_hi",
    "trace_lo",
    "entry_span_id",
    "kind",
    "start_ns",
    "end_ns",
    "origin",
)
"""Of every fact, as its row has them; `committed_ns` is the same for all of one commit."""
CAPTURES = ("customer", "session", "intent", "amount_micros", "currency")
"""And dimensions."""

# Arrow's own allocator would keep megabytes beside those that the process has free in any case.
pa.set_memory_pool(pa.system_memory_pool())

LOW_64 = (1 << 64) - 1
INT64_MAX = (1 << 63) - 1

HISTOGRAM_SCALE = 3
"""Buckets grow by 2^(1/8), about 9%."""
_PER_DOUBLING = 1 << HISTOGRAM_SCALE
_MIXER = np.uint64(0x9E3779B97F4A7C15)


def fact_table(
    facts: Sequence[Fact], origins: Mapping[int, int], position: int, kinds: Numbering
) -> pa.Table:
    """Return facts as columns named as in `facts_with_captures`, but for `committed_ns`.

    `origins` has the oldest frame of each trace; `position` stands in where it has none.

    Instants past the year 2262 become the last one that 64 signed bits hold, and an amount that
    they cannot hold becomes NULL: a sender's nonsense must not stop every later commit.
    """
    return pa.table(
        {
            "trace_hi": pa.array([fact.trace_id >> 64 for fact in facts], pa.uint64()),
            "trace_lo": pa.array([fact.trace_id & LOW_64 for fact in facts], pa.uint64()),
            "entry_span_id": pa.array([fact.entry_span_id for fact in facts], pa.uint64()),
            "kind": pa.array([kinds.number(_kind(fact)) for fact in facts], pa.int32()),
            "start_ns": pa.array([min(fact.start_ns, INT64_MAX) for fact in facts], pa.int64()),
            "end_ns": pa.array([min(fact.end_ns, INT64_MAX) for fact in facts], pa.int64()),
            "origin": pa.array(
                [origins.get(fact.trace_id, position) for fact in facts], pa.int64()
            ),
            "customer": pa.array([fact.customer for fact in facts], pa.binary()),
            "session": pa.array([fact.session for fact in facts], pa.binary()),
            "intent": pa.array([fact.intent for fact in facts], pa.binary()),
            "amount_micros": pa.array(
                [_int64_or_none(fact.amount_micros) for fact in facts], pa.int64()
            ),
            "currency": pa.array([fact.currency for fact in facts], pa.string()),
            "dimensions": _dimensions(facts),
        }
    )


def batch_table(batch: FactBatch, kinds: Numbering) -> pa.Table:
    """Return all facts of a batch as `fact_table` has them, each column in one piece."""
    if batch.columns is None:
        return fact_table(batch.facts, batch.origins, batch.position, kinds)
    columns = column_table(batch.columns, kinds)
    if not batch.facts:
        return columns
    objects = fact_table(batch.facts, batch.origins, batch.position, kinds)
    return pa.concat_tables([columns, objects]).combine_chunks()


def column_table(facts: FactColumns, kinds: Numbering) -> pa.Table:
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
            "kind": pa.array(_kinds(facts, kinds), pa.int32()),
            "start_ns": pa.array(start, pa.int64()),
            "end_ns": pa.array(end, pa.int64()),
            "origin": pa.array(facts.origin, pa.int64()),
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
        }
    )


def with_captures(facts: pa.Table) -> npt.NDArray[np.bool_]:
    """Return which rows of a `fact_table` belong into `facts_with_captures`."""
    maps = facts["dimensions"].combine_chunks()
    found: npt.NDArray[np.bool_] = np.diff(maps.offsets.to_numpy()) > 0
    for name in CAPTURES:
        column = facts[name]
        if column.null_count < len(column):
            found |= column.is_valid().to_numpy()
    return found


def in_traces(facts: pa.Table, trace_ids: frozenset[int]) -> npt.NDArray[np.bool_]:
    """Return which rows of a `fact_table` are of some traces."""
    low = facts["trace_lo"].to_numpy()
    wanted = np.array([trace_id & LOW_64 for trace_id in trace_ids], np.uint64)
    found = np.isin(low, wanted)
    candidates = np.flatnonzero(found)
    high = facts["trace_hi"].to_numpy()[candidates].tolist()
    for row, first, last in zip(candidates.tolist(), high, low[candidates].tolist(), strict=True):
        found[row] = first << 64 | last in trace_ids
    return found


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
    mixed = np.sort(columns.trace_lo ^ columns.trace_hi ^ (columns.entry_span_id * _MIXER))
    if not (mixed[1:] == mixed[:-1]).any():
        return False  # different even in what is left of them
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
    return int(buckets_of(np.array([duration_ns]))[0])


def buckets_of(durations_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the bucket of each duration; of none above zero, one without meaning."""
    return np.searchsorted(_UPPER_BOUNDS, durations_ns, side="left") + _FIRST_BUCKET


def _kind(fact: Fact) -> Kind:
    return Kind(
        fact.entry_kind,
        fact.transaction,
        fact.definition,
        fact.revision,
        str(fact.outcome),
        fact.reason,
        fact.incomplete,
    )


def _kinds(facts: FactColumns, kinds: Numbering) -> npt.NDArray[np.int32]:
    """Return the number of each row's kind; only distinct ones are looked up."""
    transaction, definition = facts.transaction, facts.definition
    mixed = facts.entry_kind.astype(np.int64) << 1 | facts.incomplete
    for column in (transaction, definition, facts.outcome, facts.reason):
        # Often one array is the codes of both.
        if column is not definition or definition.codes is not transaction.codes:
            mixed = mixed * len(column.texts) + column.codes
    found, places, _ = distinct(mixed)
    rows = np.empty(len(found), np.intp)
    rows[places] = np.arange(len(places))
    numbers = [
        kinds.number(
            Kind(
                int(facts.entry_kind[row]),
                transaction.texts[transaction.codes[row]],
                definition.texts[definition.codes[row]],
                facts.revision,
                facts.outcome.texts[facts.outcome.codes[row]],
                facts.reason.texts[facts.reason.codes[row]],
                bool(facts.incomplete[row]),
            )
        )
        for row in rows.tolist()
    ]
    return np.array(numbers, np.int32)[places]


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
