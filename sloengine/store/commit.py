"""The statements of one commit, in the order in which they run; all in one transaction.

Facts of traces that no earlier commit can have seen are inserted as they come. Those of the others
are compared with what is stored first: see `recheck.py`. Either way `Tally` counts them.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sloengine.store.columns import (
    FACT_COLUMNS,
    batch_table,
    in_traces,
    with_captures,
)
from sloengine.store.counting import Tally
from sloengine.store.database import insert, run
from sloengine.store.dimensions import DimensionValues, Value
from sloengine.store.facts import FactBatch
from sloengine.store.kinds import FactKinds, Kind
from sloengine.store.recheck import pairs, take_out
from sloengine.store.verdicts import IndicatorSet


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a commit changed, in facts."""

    new: int
    """Identities that had no stored fact."""
    corrected: int
    """Stored facts that were replaced or removed."""
    unchanged: int
    """Given facts that were stored already, exactly so."""


@dataclass(frozen=True, slots=True)
class Met:
    """What a commit met first: to be remembered once the transaction is durable."""

    kinds: list[tuple[int, Kind]]
    dimension_values: list[Value]


_FACT_KINDS = """
INSERT INTO fact_kinds
SELECT unnest($kind::INTEGER[]), unnest($entry_kind::UTINYINT[]), unnest($transaction::VARCHAR[]),
    unnest($definition::VARCHAR[]), unnest($revision::VARCHAR[]), unnest($outcome::VARCHAR[]),
    unnest($reason::VARCHAR[]), unnest($incomplete::BOOLEAN[])
"""

_DIMENSION_VALUES = """
INSERT INTO dimension_values
SELECT unnest($transactions::VARCHAR[]), unnest($names::VARCHAR[]), unnest($values::VARCHAR[])
"""


def write_batch(
    cursor: duckdb.DuckDBPyConnection,
    batch: FactBatch,
    indicators: IndicatorSet,
    kinds: FactKinds,
    dimensions: DimensionValues,
) -> tuple[CommitResult, Met]:
    """Write a batch inside the transaction that is open on `cursor`."""
    numbering = kinds.numbering()
    given, values = dimensions.fit(batch_table(batch, numbering), numbering)
    met = Met(numbering.new, values)
    _write_met(cursor, met)
    tally = Tally(indicators, numbering)
    at_ns = batch.arrival_ns
    result = CommitResult(len(batch), 0, 0)
    if batch.recheck:
        rechecked = in_traces(given, batch.recheck)
        result = _write_difference(cursor, tally, _rows(given, rechecked), batch)
        given = _rows(given, ~rechecked)
        result = CommitResult(result.new + given.num_rows, result.corrected, result.unchanged)
    _insert(cursor, given, at_ns)
    tally.add(cursor, given, sign=1, first=True)
    tally.write(cursor, batch.counters)
    run(cursor, "UPDATE spool_position SET position = $position", {"position": batch.position})
    return result, met


def _write_difference(
    cursor: duckdb.DuckDBPyConnection, tally: Tally, given: pa.Table, batch: FactBatch
) -> CommitResult:
    """Make stored facts of traces to recheck equal to those given."""
    difference = take_out(cursor, given, batch.recheck, batch.arrival_ns)
    gone, first, instead = difference.gone, difference.first, difference.instead
    for fresh in (first, instead):
        _insert(cursor, fresh, batch.arrival_ns)
    tally.add(cursor, first, sign=1, first=True)
    tally.add(cursor, instead, sign=1, first=False)
    tally.add(cursor, gone, sign=-1, first=False)
    if gone.num_rows:
        for before, after in pairs(cursor):
            tally.change(before, after)
    unchanged = given.num_rows - first.num_rows - instead.num_rows
    return CommitResult(first.num_rows, gone.num_rows, unchanged)


def _insert(cursor: duckdb.DuckDBPyConnection, facts: pa.Table, at_ns: int) -> None:
    captures = with_captures(facts)
    at = pa.array(np.full(facts.num_rows, at_ns))
    facts = facts.add_column(len(FACT_COLUMNS), "committed_ns", at)
    for table, columns, rows in (
        ("facts", len(FACT_COLUMNS) + 1, _rows(facts, ~captures)),
        ("facts_with_captures", facts.num_columns, _rows(facts, captures)),
    ):
        if rows.num_rows:
            insert(cursor, table, rows.select(range(columns)))


def _rows(table: pa.Table, chosen: npt.NDArray[np.bool_]) -> pa.Table:
    if chosen.all():
        return table
    return table.take(np.flatnonzero(chosen)).combine_chunks() if chosen.any() else table[:0]


def _write_met(cursor: duckdb.DuckDBPyConnection, met: Met) -> None:
    if met.kinds:
        columns: dict[str, list[object]] = {"kind": [number for number, _ in met.kinds]}
        for name, column in zip(
            Kind._fields, zip(*(kind for _, kind in met.kinds), strict=True), strict=True
        ):
            columns[name] = list(column)
        run(cursor, _FACT_KINDS, columns)
    if met.dimension_values:
        transactions, names, values = map(list, zip(*met.dimension_values, strict=True))
        columns = {"transactions": transactions, "names": names, "values": values}
        run(cursor, _DIMENSION_VALUES, columns)
