"""Compaction, which changes no sum, and expiry, which forgets what is old."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from sloengine.store.database import run
from sloengine.store.slots import (
    COUNTS_KEPT_NS,
    FACTS_KEPT_NS,
    FINE_FOR_NS,
    MINUTE_NS,
    SLOT_NS,
    floor_to,
)


@dataclass(frozen=True, slots=True)
class _Deltas:
    """An append-only table whose rows with equal keys mean their sum."""

    table: str
    keys: tuple[str, ...]
    sums: tuple[str, ...]

    def merged(self, source: str) -> str:
        keys = ", ".join(self.keys)
        sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in self.sums)
        return f"SELECT {keys}, {sums} FROM {source} GROUP BY {keys}"


_BY_SLOT = (
    _Deltas(
        "sli_counts",
        ("indicator", "slot_ns"),
        ("good", "total", "excluded", "unknown", "corrected"),
    ),
    _Deltas("sli_reasons", ("indicator", "slot_ns", "outcome", "reason"), ("events",)),
    _Deltas("traffic_counts", ("transaction", "definition", "slot_ns", "outcome"), ("events",)),
)

_WITHOUT_TIME = (
    _Deltas("engine_counters", ("name",), ("value",)),
    _Deltas("export_verdicts", ("slo", "result"), ("events",)),
    _Deltas("export_corrections", ("slo", "before", "after"), ("events",)),
    _Deltas("export_buckets", ("transaction", "outcome", "reason", "bucket"), ("events",)),
)

_SETTLED = (
    "sli_counts",
    "sli_reasons",
    "traffic_counts",
    "engine_counters",
    "export_verdicts",
    "export_buckets",
)
"""The tables that have a view `new_*` over `count_deltas`."""

MERGED_DURATIONS = """
SELECT transaction, outcome, reason, sum(events)::BIGINT AS events,
    sum(zero_events)::BIGINT AS zero_events, sum(sum_ns)::HUGEINT AS sum_ns,
    min(min_ns) AS min_ns, max(max_ns) AS max_ns,
    last.exemplar_trace_hi, last.exemplar_trace_lo, last.exemplar_span_id,
    last.exemplar_value_ns, last.exemplar_time_ns
FROM (
    SELECT *, max({
        'exemplar_time_ns': exemplar_time_ns,
        'exemplar_trace_hi': exemplar_trace_hi, 'exemplar_trace_lo': exemplar_trace_lo,
        'exemplar_span_id': exemplar_span_id, 'exemplar_value_ns': exemplar_value_ns
    }) OVER (PARTITION BY transaction, outcome, reason) AS last
    FROM export_durations
)
GROUP BY transaction, outcome, reason, last
"""


def settle(cursor: duckdb.DuckDBPyConnection) -> None:
    """Move what commits added to the tables of the counts, inside the transaction that is open."""
    for table in _SETTLED:
        run(cursor, f"INSERT INTO {table} SELECT * FROM new_{table}")
    run(cursor, "DELETE FROM count_deltas")


def compact(cursor: duckdb.DuckDBPyConnection, now_ns: int) -> None:
    """Fold slots older than three days to minutes and merge deltas of equal keys.

    Runs inside the transaction that is open on `cursor`. Sums by key, and over any window that is
    cut as `evaluate` cuts it, are the same before and after.
    """
    settle(cursor)
    folded, merged = run(cursor, "SELECT folded_until_ns, merged_until_ns FROM store")[0]
    fold_until = max(folded, floor_to(now_ns - FINE_FOR_NS, MINUTE_NS))
    merge_until = max(merged, floor_to(now_ns, SLOT_NS))
    for deltas in _BY_SLOT:
        # A late commit may have written a fine slot where minutes stand already.
        coarse = f"slot_ns < {fold_until} AND (slot_ns >= {folded} OR slot_ns % {MINUTE_NS} <> 0)"
        minutes = f"(SELECT * REPLACE (slot_ns - slot_ns % {MINUTE_NS} AS slot_ns) FROM {{}})"
        _replace(cursor, deltas, coarse, minutes)
        _replace(
            cursor,
            deltas,
            f"slot_ns >= {max(merged, fold_until)} AND slot_ns < {merge_until}",
            "{}",
        )
    for deltas in _WITHOUT_TIME:
        _replace(cursor, deltas, "true", "{}")
    run(cursor, f"CREATE OR REPLACE TEMP TABLE merged AS {MERGED_DURATIONS}")
    run(cursor, "DELETE FROM export_durations")
    run(cursor, "INSERT INTO export_durations SELECT * FROM merged")
    run(
        cursor,
        "UPDATE store SET folded_until_ns = $folded, merged_until_ns = $merged",
        {"folded": fold_until, "merged": merge_until},
    )


def _replace(
    cursor: duckdb.DuckDBPyConnection, deltas: _Deltas, condition: str, source: str
) -> None:
    """Replace the rows that meet a condition by their sums."""
    rows = f"(SELECT * FROM {deltas.table} WHERE {condition})"
    merged = deltas.merged(source.format(rows))
    run(cursor, f"CREATE OR REPLACE TEMP TABLE merged AS {merged}")
    run(cursor, f"DELETE FROM {deltas.table} WHERE {condition}")
    run(cursor, f"INSERT INTO {deltas.table} SELECT * FROM merged")


def expire(cursor: duckdb.DuckDBPyConnection, now_ns: int) -> None:
    """Drop facts older than 35 days, and counts, corrections and coverage older than 400 days.

    Runs inside the transaction that is open on `cursor`. Counts outlive the facts they came from.
    """
    settle(cursor)
    facts_from = floor_to(max(now_ns - FACTS_KEPT_NS, 0), MINUTE_NS)
    counts_from = floor_to(max(now_ns - COUNTS_KEPT_NS, 0), MINUTE_NS)
    for table in ("facts", "facts_with_captures"):
        run(cursor, f"DELETE FROM {table} WHERE end_ns < $from_ns", {"from_ns": facts_from})
    for deltas in _BY_SLOT:
        sql = f"DELETE FROM {deltas.table} WHERE slot_ns < $from_ns"
        run(cursor, sql, {"from_ns": counts_from})
    run(cursor, "DELETE FROM corrections WHERE at_ns < $from_ns", {"from_ns": counts_from})
    run(cursor, "DELETE FROM coverage WHERE minute_ns < $from_ns", {"from_ns": counts_from})
    run(
        cursor,
        "UPDATE store SET expired_until_ns = greatest(expired_until_ns, $from_ns)",
        {"from_ns": facts_from},
    )
