"""The statements of one commit, in the order in which they run.

Everything stands in one transaction. Temporary tables live on the writer's cursor only:
`given` (the batch) and `stored` (the rows of traces to recheck) become `gone` (stored
rows that are no longer true) and `fresh` (rows to add), these become `effects` (signed rows), and
these become `verdicts` (signed rows for each indicator).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from sloengine.store.columns import CONTENT, IDENTITY, batch_table, trace_table
from sloengine.store.database import arrow_view, run
from sloengine.store.dimensions import DimensionValues, Value
from sloengine.store.facts import FactBatch
from sloengine.store.slots import SLOT_NS
from sloengine.store.verdicts import NO_RESULT, RESULT_NAMES, IndicatorSet, Result


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a commit changed, in facts."""

    new: int
    """Identities that had no stored fact."""
    corrected: int
    """Stored facts that were replaced or removed."""
    unchanged: int
    """Given facts that were stored already, exactly so."""


def _list(names: tuple[str, ...], prefix: str = "") -> str:
    return ", ".join(prefix + name for name in names)


_SAME_IDENTITY = " AND ".join(f"s.{name} = g.{name}" for name in IDENTITY)
_DIFFERENT_CONTENT = " OR ".join(f"s.{name} IS DISTINCT FROM g.{name}" for name in CONTENT)
_RESULT_NAMES = "[" + ", ".join(f"'{name}'" for name in RESULT_NAMES) + "]"

_GIVEN = "CREATE OR REPLACE TEMP TABLE given AS SELECT * FROM arrow_given"

# The stored rows of the traces to recheck. Scans two columns of all facts (5 ns a fact).
_STORED = """
CREATE OR REPLACE TEMP TABLE stored AS
SELECT t.rowid AS stored_row, t.* FROM transactions AS t
SEMI JOIN recheck AS r ON t.trace_hi = r.trace_hi AND t.trace_lo = r.trace_lo
"""

# Stored rows that the batch does not repeat exactly.
_GONE = f"""
CREATE OR REPLACE TEMP TABLE gone AS
SELECT s.* FROM stored AS s LEFT JOIN given AS g ON {_SAME_IDENTITY}
WHERE g.trace_hi IS NULL OR {_DIFFERENT_CONTENT}
"""

# Given rows that are not stored exactly so; `replaces` names the stored row of the same identity.
_FRESH = f"""
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT g.*, s.stored_row AS replaces FROM given AS g LEFT JOIN stored AS s ON {_SAME_IDENTITY}
WHERE s.stored_row IS NULL OR {_DIFFERENT_CONTENT}
"""
# `fresh` where no trace is to be rechecked.
_ALL_FRESH = """
CREATE OR REPLACE TEMP TABLE fresh AS SELECT *, NULL::BIGINT AS replaces FROM arrow_given
"""

_HOW_MANY = "SELECT (SELECT count(*) FROM gone), count(*), count(replaces) FROM fresh"

_DELETE_GONE = "DELETE FROM transactions WHERE rowid IN (SELECT stored_row FROM gone)"

_INSERT_FRESH = f"""
INSERT INTO transactions ({_list(IDENTITY)}, {_list(CONTENT)}, origin, committed_ns)
SELECT {_list(IDENTITY)}, {_list(CONTENT)}, origin, $at_ns FROM fresh
"""

_CORRECTIONS = f"""
INSERT INTO corrections
SELECT {_list(IDENTITY, "s.")},
    s.transaction, s.revision, s.end_ns, s.outcome, s.reason,
    f.transaction, f.revision, f.end_ns, f.outcome, f.reason, $at_ns
FROM gone AS s LEFT JOIN fresh AS f ON f.replaces = s.stored_row
"""

_EFFECT_COLUMNS = f"""
    {_list(IDENTITY)}, transaction, outcome, reason, start_ns, end_ns,
    end_ns - start_ns AS duration, end_ns - end_ns % {SLOT_NS} AS slot_ns,
    amount_micros, dimensions
"""

# Signed rows: what is added and what is taken away. `pair` joins the two rows of a replacement;
# a first verdict has sign 1 and no pair.
_ADDED = f"""
CREATE OR REPLACE TEMP TABLE effects AS
SELECT 1 AS sign, replaces AS pair, bucket, {_EFFECT_COLUMNS} FROM fresh
"""
_TAKEN_AWAY = f"""
INSERT INTO effects
SELECT -1 AS sign, stored_row AS pair, NULL AS bucket, {_EFFECT_COLUMNS} FROM gone
"""


def _verdicts_sql(indicators: IndicatorSet) -> str:
    """Signed rows for each indicator that counts a fact; parameters: those of the set."""
    return f"""
    CREATE OR REPLACE TEMP TABLE verdicts AS
    SELECT events, pair, slot_ns, outcome, reason, code // 4 AS number, code % 4 AS result
    FROM (
        SELECT sign AS events, pair, slot_ns, outcome, reason,
            unnest({indicators.codes_sql}) AS code
        FROM effects
    )
    WHERE code IS NOT NULL
    """


def recount_sql(indicators: IndicatorSet) -> str:
    """The same rows from all stored facts that ended at or after `?` (the last parameter)."""
    return f"""
    CREATE OR REPLACE TEMP TABLE verdicts AS
    SELECT count(*) AS events, slot_ns, outcome, reason, code // 4 AS number, code % 4 AS result
    FROM (
        SELECT slot_ns, outcome, reason, unnest({indicators.codes_sql}) AS code
        FROM (SELECT {_EFFECT_COLUMNS} FROM transactions WHERE end_ns >= ?)
    )
    WHERE code IS NOT NULL
    GROUP BY ALL
    """


# Verdicts summed by (indicator, slot). Parameter: the indicators by number.
_SLI_COUNTS = f"""
INSERT INTO sli_counts
SELECT ($indicators::VARCHAR[])[number + 1] AS indicator, slot_ns,
    coalesce(sum(events) FILTER (result = {Result.GOOD}), 0) AS good,
    coalesce(sum(events) FILTER (result IN ({Result.GOOD}, {Result.BAD})), 0) AS total,
    coalesce(sum(events) FILTER (result = {Result.EXCLUDED}), 0) AS excluded,
    coalesce(sum(events) FILTER (result = {Result.UNKNOWN}), 0) AS unknown,
    0 AS corrected
FROM verdicts GROUP BY indicator, slot_ns
HAVING good <> 0 OR total <> 0 OR excluded <> 0 OR unknown <> 0
"""

# Why events were bad, by (indicator, slot, outcome, reason). Parameter: the indicators by number.
_SLI_REASONS = f"""
INSERT INTO sli_reasons
SELECT ($indicators::VARCHAR[])[number + 1] AS indicator, slot_ns, outcome, reason,
    sum(events) AS changed
FROM verdicts WHERE result = {Result.BAD} GROUP BY indicator, slot_ns, outcome, reason
HAVING changed <> 0
"""

# Replaced and removed facts whose verdict by an indicator is another one now.
_CHANGES = f"""
CREATE OR REPLACE TEMP TABLE changes AS
SELECT number, coalesce(a.slot_ns, b.slot_ns) AS slot_ns,
    coalesce({_RESULT_NAMES}[b.result + 1], '{NO_RESULT}') AS before,
    coalesce({_RESULT_NAMES}[a.result + 1], '{NO_RESULT}') AS after
FROM (SELECT * FROM verdicts WHERE events < 0) AS b
FULL JOIN (SELECT * FROM verdicts WHERE events > 0 AND pair IS NOT NULL) AS a
USING (pair, number)
WHERE a.result IS DISTINCT FROM b.result
"""

# How many verdicts changed, by (indicator, slot). Parameter: the indicators by number.
_SLI_CORRECTED = """
INSERT INTO sli_counts
SELECT ($indicators::VARCHAR[])[number + 1], slot_ns, 0, 0, 0, 0, count(*)
FROM changes GROUP BY number, slot_ns
"""

_TRAFFIC = """
INSERT INTO traffic_counts
SELECT transaction, slot_ns, outcome, sum(sign) AS changed FROM effects
GROUP BY transaction, slot_ns, outcome HAVING changed <> 0
"""

# First verdicts for export. Parameters: names of SLOs and the number of each one's indicator.
_EXPORT_VERDICTS = f"""
INSERT INTO export_verdicts
SELECT slo, {_RESULT_NAMES}[result + 1], count(*)
FROM verdicts
JOIN (SELECT unnest($slos::VARCHAR[]) AS slo, unnest($numbers::INTEGER[]) AS number) USING (number)
WHERE events > 0 AND pair IS NULL
GROUP BY slo, result
"""

# Changed verdicts for export. Parameters as above.
_EXPORT_CORRECTIONS = """
INSERT INTO export_corrections
SELECT slo, before, after, count(*)
FROM changes
JOIN (SELECT unnest($slos::VARCHAR[]) AS slo, unnest($numbers::INTEGER[]) AS number) USING (number)
GROUP BY slo, before, after
"""

# Durations at first verdict. The exemplar is the transaction that ended last.
_EXPORT_DURATIONS = """
INSERT INTO export_durations
SELECT transaction, outcome, reason, events, zero_events, sum_ns, min_ns, max_ns,
    last.trace_hi, last.trace_lo, last.entry_span_id, last.duration, last.end_ns
FROM (
    SELECT transaction, outcome, reason, count(*) AS events,
        count(*) FILTER (duration <= 0) AS zero_events,
        sum(greatest(duration, 0)) AS sum_ns,
        min(greatest(duration, 0)) AS min_ns,
        max(greatest(duration, 0)) AS max_ns,
        max({
            'end_ns': end_ns, 'trace_hi': trace_hi, 'trace_lo': trace_lo,
            'entry_span_id': entry_span_id, 'duration': greatest(duration, 0)
        }) AS last
    FROM effects WHERE sign = 1 AND pair IS NULL
    GROUP BY transaction, outcome, reason
)
"""

_EXPORT_BUCKETS = """
INSERT INTO export_buckets
SELECT transaction, outcome, reason, bucket, count(*) FROM effects
WHERE sign = 1 AND pair IS NULL AND bucket IS NOT NULL
GROUP BY transaction, outcome, reason, bucket
"""

_DIMENSION_VALUES = """
INSERT INTO dimension_values
SELECT unnest($transactions::VARCHAR[]), unnest($names::VARCHAR[]), unnest($values::VARCHAR[])
"""

_COUNTERS = """
INSERT INTO engine_counters SELECT unnest($names::VARCHAR[]), unnest($values::BIGINT[])
"""


def write_batch(
    cursor: duckdb.DuckDBPyConnection,
    batch: FactBatch,
    indicators: IndicatorSet,
    dimensions: DimensionValues,
) -> tuple[CommitResult, list[Value]]:
    """Write a batch inside the transaction that is open on `cursor`.

    Returns too the values of dimensions that were met first, for `dimensions` to keep once the
    transaction is durable.
    """
    given, fresh = dimensions.fit(batch_table(batch))
    if fresh:
        transactions, names, values = (list(column) for column in zip(*fresh, strict=True))
        met = {"transactions": transactions, "names": names, "values": values}
        run(cursor, _DIMENSION_VALUES, met)
    gone, added, replaced = _compare(cursor, batch, given)
    if gone:
        run(cursor, _CORRECTIONS, {"at_ns": batch.arrival_ns})
        run(cursor, _DELETE_GONE)
    if added:
        run(cursor, _INSERT_FRESH, {"at_ns": batch.arrival_ns})
    if gone or added:
        _write_effects(cursor, indicators, corrections=bool(gone))
    if batch.counters:
        counted = {"names": list(batch.counters), "values": list(batch.counters.values())}
        run(cursor, _COUNTERS, counted)
    run(cursor, "UPDATE spool_position SET position = $position", {"position": batch.position})
    result = CommitResult(new=added - replaced, corrected=gone, unchanged=len(batch) - added)
    return result, fresh


def write_counts(cursor: duckdb.DuckDBPyConnection, indicators: IndicatorSet) -> None:
    """Add what the table `verdicts` holds to the counts of the indicators."""
    by_number = {"indicators": list(indicators.indicators)}
    run(cursor, _SLI_COUNTS, by_number)
    run(cursor, _SLI_REASONS, by_number)


def _compare(
    cursor: duckdb.DuckDBPyConnection, batch: FactBatch, given: pa.Table
) -> tuple[int, int, int]:
    """Fill `gone` and `fresh`; return how many rows go, come, and come in place of another."""
    with arrow_view(cursor, "arrow_given", given):
        if not batch.recheck:
            run(cursor, _ALL_FRESH)
            return 0, len(batch), 0
        run(cursor, _GIVEN)
    with arrow_view(cursor, "arrow_recheck", trace_table(batch.recheck)):
        run(cursor, "CREATE OR REPLACE TEMP TABLE recheck AS SELECT * FROM arrow_recheck")
    run(cursor, _STORED)
    run(cursor, _GONE)
    run(cursor, _FRESH)
    gone, added, replaced = run(cursor, _HOW_MANY)[0]
    return gone, added, replaced


def _write_effects(
    cursor: duckdb.DuckDBPyConnection, indicators: IndicatorSet, *, corrections: bool
) -> None:
    run(cursor, _ADDED)
    if corrections:
        run(cursor, _TAKEN_AWAY)
    run(cursor, _TRAFFIC)
    run(cursor, _EXPORT_DURATIONS)
    run(cursor, _EXPORT_BUCKETS)
    if not indicators.indicators:
        return
    slos = {
        "slos": list(indicators.slo_names),
        "numbers": list(indicators.slo_indicators),
    }
    run(cursor, _verdicts_sql(indicators), indicators.parameters)
    write_counts(cursor, indicators)
    run(cursor, _EXPORT_VERDICTS, slos)
    if corrections:
        run(cursor, _CHANGES)
        run(cursor, _SLI_CORRECTED, {"indicators": list(indicators.indicators)})
        run(cursor, _EXPORT_CORRECTIONS, slos)
