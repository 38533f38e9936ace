"""Traces that may have stored facts: what is stored is compared with what is true now.

Temporary tables live on the writer's cursor only: `given` (facts of these traces) and `stored`
(their rows in the store) become `gone` (stored rows that are no longer true) and `fresh` (rows to
add).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from sloengine.store.columns import CAPTURES, CONTENT, FACT_COLUMNS, IDENTITY, trace_table
from sloengine.store.database import arrow_view, run


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to change so that stored facts are the given ones."""

    gone: pa.Table
    """Stored facts that are no longer true, as `fact_table` has them."""
    first: pa.Table
    """Facts of transactions that had none."""
    instead: pa.Table
    """Facts that take the place of one in `gone`."""


@dataclass(frozen=True, slots=True)
class Side:
    """A fact on one side of a correction: `Judged`, for the verdicts that it had or has."""

    transaction: str
    outcome: str
    reason: str
    start_ns: int
    end_ns: int
    amount_micros: int | None
    dimensions: Mapping[str, str]


def _list(names: tuple[str, ...], prefix: str = "") -> str:
    return ", ".join(prefix + name for name in names)


_SAME_IDENTITY = " AND ".join(f"s.{name} = g.{name}" for name in IDENTITY)
_DIFFERENT_CONTENT = " OR ".join(f"s.{name} IS DISTINCT FROM g.{name}" for name in CONTENT)

# DuckDB must not join Arrow: see `arrow_view`.
_GIVEN = "CREATE OR REPLACE TEMP TABLE given AS SELECT * FROM arrow_given"
_RECHECK = "CREATE OR REPLACE TEMP TABLE recheck AS SELECT * FROM arrow_recheck"

# The stored rows of the traces to recheck. Scans two columns of all facts (5 ns a fact).
# `stored_row` is the number of a row and, in its last bit, in which table that is.
_STORED = f"""
CREATE OR REPLACE TEMP TABLE stored AS
SELECT t.*, k.* EXCLUDE (kind)
FROM (
    SELECT rowid * 2 AS stored_row, {_list(FACT_COLUMNS)}, NULL::BLOB AS customer,
        NULL::BLOB AS session, NULL::BLOB AS intent, NULL::BIGINT AS amount_micros,
        NULL::VARCHAR AS currency, MAP([]::VARCHAR[], []::VARCHAR[]) AS dimensions
    FROM facts SEMI JOIN recheck USING (trace_hi, trace_lo)
    UNION ALL
    SELECT rowid * 2 + 1 AS stored_row, {_list(FACT_COLUMNS)}, {_list(CAPTURES)}, dimensions
    FROM facts_with_captures SEMI JOIN recheck USING (trace_hi, trace_lo)
) AS t
JOIN fact_kinds AS k USING (kind)
"""

# Stored rows that the batch does not repeat exactly.
_GONE = f"""
CREATE OR REPLACE TEMP TABLE gone AS
SELECT s.* FROM stored AS s
LEFT JOIN (SELECT * FROM given JOIN fact_kinds USING (kind)) AS g ON {_SAME_IDENTITY}
WHERE g.trace_hi IS NULL OR {_DIFFERENT_CONTENT}
"""

# Given rows that are not stored exactly so; `replaces` names the stored row of the same identity.
_FRESH = f"""
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT g.*, s.stored_row AS replaces
FROM (SELECT * FROM given JOIN fact_kinds USING (kind)) AS g
LEFT JOIN stored AS s ON {_SAME_IDENTITY}
WHERE s.stored_row IS NULL OR {_DIFFERENT_CONTENT}
"""

_DELETE_GONE = """
DELETE FROM facts WHERE rowid IN (SELECT stored_row // 2 FROM gone WHERE stored_row % 2 = 0)
"""
_DELETE_GONE_WITH_CAPTURES = """
DELETE FROM facts_with_captures
WHERE rowid IN (SELECT stored_row // 2 FROM gone WHERE stored_row % 2 = 1)
"""

_CORRECTIONS = f"""
INSERT INTO corrections
SELECT {_list(IDENTITY, "s.")},
    s.transaction, s.revision, s.end_ns, s.outcome, s.reason,
    f.transaction, f.revision, f.end_ns, f.outcome, f.reason, $at_ns
FROM gone AS s LEFT JOIN fresh AS f ON f.replaces = s.stored_row
"""

_TABLE_COLUMNS = _list((*FACT_COLUMNS, *CAPTURES, "dimensions"))
_SELECT_GONE = f"SELECT {_TABLE_COLUMNS} FROM gone"
_SELECT_FIRST = f"SELECT {_TABLE_COLUMNS} FROM fresh WHERE replaces IS NULL"
_SELECT_INSTEAD = f"SELECT {_TABLE_COLUMNS} FROM fresh WHERE replaces IS NOT NULL"

# Columns: those of `Side`, of what goes and of what takes its place.
_SIDES = ("transaction", "outcome", "reason", "start_ns", "end_ns", "amount_micros", "dimensions")
_PAIRS = f"""
SELECT {_list(_SIDES, "s.")}, f.replaces, {_list(_SIDES, "f.")}
FROM gone AS s LEFT JOIN fresh AS f ON f.replaces = s.stored_row
"""


def take_out(
    cursor: duckdb.DuckDBPyConnection, given: pa.Table, recheck: frozenset[int], at_ns: int
) -> Difference:
    """Delete stored facts that are no longer true, note the corrections; return the difference.

    Kinds of `given` must be in `fact_kinds`. What is `first` and `instead` is yet to be inserted.
    """
    with arrow_view(cursor, "arrow_given", given):
        run(cursor, _GIVEN)
    with arrow_view(cursor, "arrow_recheck", trace_table(recheck)):
        run(cursor, _RECHECK)
    run(cursor, _STORED)
    run(cursor, _GONE)
    run(cursor, _FRESH)
    gone = _table(cursor, _SELECT_GONE)
    if gone.num_rows:
        run(cursor, _CORRECTIONS, {"at_ns": at_ns})
        run(cursor, _DELETE_GONE)
        run(cursor, _DELETE_GONE_WITH_CAPTURES)
    return Difference(gone, _table(cursor, _SELECT_FIRST), _table(cursor, _SELECT_INSTEAD))


def pairs(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Side, Side | None]]:
    """Yield each fact that `take_out` deleted, and what takes its place."""
    for row in run(cursor, _PAIRS):
        before, replaces, after = row[: len(_SIDES)], row[len(_SIDES)], row[len(_SIDES) + 1 :]
        yield Side(*before), None if replaces is None else Side(*after)


def _table(cursor: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    found: pa.Table = cursor.sql(sql).to_arrow_table()
    return found.combine_chunks()
