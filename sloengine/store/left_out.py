"""What adjustments leave out of counts whose facts are no longer kept."""

from __future__ import annotations

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
