"""Applying a set of definitions: its documents, and counts for indicators that are new."""

from __future__ import annotations

import duckdb

from sloengine.definitions.plan import Plan
from sloengine.store.database import run
from sloengine.store.retention import settle
from sloengine.store.slots import SLOT_NS
from sloengine.store.verdicts import IndicatorSet, Result, indicator_set

_LATEST = "SELECT revision FROM definitions ORDER BY rowid DESC LIMIT 1"

_INSERT_DEFINITIONS = """
INSERT INTO definitions VALUES ($revision, $documents, $git_commit, $at_ns)
"""

# An indicator that was set aside misses what was committed meanwhile. Its counts are zeroed where
# facts can give them again; how many verdicts were corrected stays known.
_ZERO_COUNTS = """
UPDATE sli_counts SET good = 0, total = 0, excluded = 0, unknown = 0
WHERE indicator IN (SELECT unnest($indicators::VARCHAR[])) AND slot_ns >= $from_ns
"""
_DELETE_REASONS = """
DELETE FROM sli_reasons
WHERE indicator IN (SELECT unnest($indicators::VARCHAR[])) AND slot_ns >= $from_ns
"""

_ACTIVATE = """
UPDATE indicators SET active = true, since_ns = $at_ns
WHERE indicator IN (SELECT unnest($indicators::VARCHAR[]))
"""
_ADD = "INSERT INTO indicators SELECT unnest($indicators::VARCHAR[]), true, $at_ns"
_SET_ASIDE = """
UPDATE indicators SET active = false
WHERE active AND indicator NOT IN (SELECT unnest($indicators::VARCHAR[]))
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
"""

# Why events were bad, by (indicator, slot, outcome, reason). Parameter: the indicators by number.
_SLI_REASONS = f"""
INSERT INTO sli_reasons
SELECT ($indicators::VARCHAR[])[number + 1] AS indicator, slot_ns, outcome, reason, sum(events)
FROM verdicts WHERE result = {Result.BAD} GROUP BY indicator, slot_ns, outcome, reason
"""


def apply_plan(cursor: duckdb.DuckDBPyConnection, plan: Plan, at_ns: int) -> IndicatorSet:
    """Make `plan` the one that commits count, inside the transaction open on `cursor`.

    Indicators that are new get counts of all stored facts, those that come back are counted again.
    Those that are no longer in use keep what they have. Returns the indicators of the plan.
    """
    latest = run(cursor, _LATEST)
    if not latest or latest[0][0] != plan.revision:
        run(
            cursor,
            _INSERT_DEFINITIONS,
            {
                "revision": plan.revision,
                "documents": plan.documents,
                "git_commit": plan.commit,
                "at_ns": at_ns,
            },
        )
    wanted = indicator_set(plan.slos)
    known = dict(run(cursor, "SELECT indicator, active FROM indicators"))
    new = {indicator for indicator in wanted.indicators if indicator not in known}
    back = {indicator for indicator in wanted.indicators if known.get(indicator) is False}
    if new:
        _recount(cursor, plan, new, from_ns=0)
        run(cursor, _ADD, {"indicators": sorted(new), "at_ns": at_ns})
    if back:
        settle(cursor)
        from_ns = run(cursor, "SELECT expired_until_ns FROM store")[0][0]
        counted_again = {"indicators": sorted(back), "from_ns": from_ns}
        run(cursor, _ZERO_COUNTS, counted_again)
        run(cursor, _DELETE_REASONS, counted_again)
        _recount(cursor, plan, back, from_ns=from_ns)
        run(cursor, _ACTIVATE, {"indicators": sorted(back), "at_ns": at_ns})
    run(cursor, _SET_ASIDE, {"indicators": list(wanted.indicators)})
    return wanted


def _recount(
    cursor: duckdb.DuckDBPyConnection, plan: Plan, indicators: set[str], *, from_ns: int
) -> None:
    part = indicator_set(slo for slo in plan.slos if slo.indicator in indicators)
    run(cursor, _verdicts_sql(part), [*part.parameters, from_ns])
    by_number = {"indicators": list(part.indicators)}
    run(cursor, _SLI_COUNTS, by_number)
    run(cursor, _SLI_REASONS, by_number)


def _verdicts_sql(indicators: IndicatorSet) -> str:
    """Verdicts of indicators on all stored facts that ended at or after `?` (the last parameter),
    as the temporary table `verdicts`.
    """
    return f"""
    CREATE OR REPLACE TEMP TABLE verdicts AS
    SELECT count(*) AS events, slot_ns, outcome, reason, code // 4 AS number, code % 4 AS result
    FROM (
        SELECT slot_ns, outcome, reason, unnest({indicators.codes_sql}) AS code
        FROM (
            SELECT *, end_ns - start_ns AS duration, end_ns - end_ns % {SLOT_NS} AS slot_ns
            FROM transactions WHERE end_ns >= ?
        )
    )
    WHERE code IS NOT NULL
    GROUP BY ALL
    """
