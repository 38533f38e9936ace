"""What budget adjustments leave out: from facts, and from counts where no fact is kept any more."""

from __future__ import annotations

from collections.abc import Sequence

from sloengine.definitions.plan import SloRule
from sloengine.ottl import FactCondition
from sloengine.store.verdicts import FACT_SLOT, Result, code_sql, conditions_sql

# Purpose: the counts of an indicator in slots that begin in a period, where no fact is left to ask.
# Parameters: indicator; start_ns, end_ns of the slots; starts, ends and adjustment numbers of the
# periods, as lists. Columns: adjustment, slot_ns, outcome, reason, good, total. A slot belongs to
# the first adjustment that leaves it out; its good events have no reason.
LEFT_OUT_COUNTS = """
WITH periods AS (
    SELECT unnest($starts::BIGINT[]) AS from_ns, unnest($ends::BIGINT[]) AS until_ns,
        unnest($numbers::INTEGER[]) AS number
), taken AS (
    SELECT c.slot_ns, min(p.number) AS number
    FROM (
        SELECT DISTINCT slot_ns FROM all_sli_counts
        WHERE indicator = $indicator AND slot_ns >= $start_ns AND slot_ns < $end_ns
    ) AS c
    JOIN periods AS p ON c.slot_ns >= p.from_ns AND c.slot_ns < p.until_ns
    GROUP BY c.slot_ns
), events AS (
    SELECT slot_ns, 'good' AS outcome, '' AS reason, good, good AS counted
    FROM all_sli_counts WHERE indicator = $indicator
    UNION ALL
    SELECT slot_ns, outcome, reason, 0, events FROM all_sli_reasons WHERE indicator = $indicator
)
SELECT number, slot_ns, outcome, reason, sum(good)::BIGINT, sum(counted)::BIGINT AS total
FROM events JOIN taken USING (slot_ns)
GROUP BY number, slot_ns, outcome, reason HAVING total > 0
ORDER BY number, slot_ns, outcome, reason
"""


def left_out_sql(
    rule: SloRule, conditions: Sequence[FactCondition | None]
) -> tuple[str, list[object]]:
    """Return the statement of `StoreReader.left_out` and its first parameters.

    Purpose: which counted events of an indicator fall into periods that do not count.
    Parameters: those returned; then start and end of the window; then starts, ends and adjustment
    numbers of the periods, as lists.
    Columns: adjustment, slot_ns, outcome, reason, good, total. An event belongs to the first
    adjustment that leaves it out.
    """
    parameters: list[object] = []
    code = code_sql(rule, 0, parameters)
    holds = conditions_sql(conditions, parameters)
    parameters.append(rule.transaction)
    sql = f"""
    WITH facts AS (
        SELECT row_id, end_ns, outcome, reason, {code} AS code, {holds} AS holds
        FROM (
            SELECT row_number() OVER () AS row_id, end_ns, start_ns, outcome, reason,
                amount_micros, dimensions, end_ns - start_ns AS duration
            FROM transactions WHERE transaction = ? AND end_ns >= ? AND {FACT_SLOT} < ?
        )
    ), periods AS (
        SELECT unnest(?::BIGINT[]) AS from_ns, unnest(?::BIGINT[]) AS until_ns,
            unnest(?::INTEGER[]) AS number
    ), taken AS (
        SELECT f.row_id, any_value(f.end_ns) AS end_ns, any_value(f.outcome) AS outcome,
            any_value(f.reason) AS reason, any_value(f.code) AS code, min(p.number) AS number
        FROM facts AS f
        JOIN periods AS p ON f.end_ns >= p.from_ns AND f.end_ns < p.until_ns
        WHERE f.code IN ({Result.GOOD}, {Result.BAD}) AND f.holds[p.number + 1]
        GROUP BY f.row_id
    )
    SELECT number, {FACT_SLOT} AS slot_ns, outcome, reason,
        count(*) FILTER (code = {Result.GOOD}), count(*)
    FROM taken GROUP BY number, slot_ns, outcome, reason
    ORDER BY number, slot_ns, outcome, reason
    """
    return sql, parameters
