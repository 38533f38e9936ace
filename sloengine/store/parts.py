"""Counts and money of an indicator by value of a dimension, from stored facts."""

from __future__ import annotations

from collections.abc import Sequence

from sloengine.definitions.plan import SloRule
from sloengine.ottl import FactCondition
from sloengine.ottl.facts import NO_VALUE
from sloengine.store.verdicts import FACT_SLOT, Result, code_sql, conditions_sql

MOST_CURRENCIES = 20
"""How many currencies are summed: an id in the place of a currency must not fill the memory."""


def parts_sql(
    rule: SloRule, dimension: str | None, conditions: Sequence[FactCondition | None]
) -> tuple[str, list[object]]:
    """Return the statement of `StoreReader.parts` and its first parameters.

    Purpose: what an indicator counts by value of a dimension, and what that was worth.
    Parameters: those returned; then start and end of the events; then starts, ends and adjustment
    numbers of the periods that do not count, as lists.
    Columns: value, code, is_valued, currency, is_summed, events, micros. Only good and bad events
    are valued. Currencies beyond the commonest are one row, without a currency and not summed.
    """
    parameters: list[object] = []
    value = "''"
    if dimension is not None:
        value = f"coalesce(map_extract_value(dimensions, ?), '{NO_VALUE}')"
        parameters.append(dimension)
    code = code_sql(rule, 0, parameters)
    holds = conditions_sql(conditions, parameters)
    parameters.append(rule.transaction)
    counted = f"code IN ({Result.GOOD}, {Result.BAD})"
    kept = "code IS NOT NULL"
    if conditions:
        # A join even with no period costs more than all the rest.
        kept += f""" AND NOT EXISTS (
            SELECT 1 FROM periods AS p
            WHERE f.end_ns >= p.from_ns AND f.end_ns < p.until_ns AND f.{counted}
                AND f.holds[p.number + 1]
        )"""
    sql = f"""
    WITH facts AS (
        SELECT {value} AS value, end_ns, amount_micros, currency, {code} AS code, {holds} AS holds
        FROM (
            SELECT end_ns, start_ns, outcome, reason, amount_micros, currency, dimensions,
                end_ns - start_ns AS duration
            FROM transactions WHERE transaction = ? AND end_ns >= ? AND {FACT_SLOT} < ?
        )
    ), periods AS (
        SELECT unnest(?::BIGINT[]) AS from_ns, unnest(?::BIGINT[]) AS until_ns,
            unnest(?::INTEGER[]) AS number
    ), kept AS (
        SELECT value, code, {counted} AND amount_micros IS NOT NULL AS is_valued,
            currency, amount_micros
        FROM facts AS f WHERE {kept}
    ), sums AS (
        SELECT value, code, is_valued, CASE WHEN is_valued THEN currency END AS currency,
            count(*) AS events, sum(CASE WHEN is_valued THEN amount_micros ELSE 0 END) AS micros
        FROM kept GROUP BY ALL
    ), ranks AS (
        SELECT currency, row_number() OVER (ORDER BY sum(events) DESC, currency) AS rank
        FROM sums WHERE is_valued GROUP BY currency
    ), ranked AS (
        SELECT s.*, coalesce(r.rank <= {MOST_CURRENCIES}, false) AS is_summed
        FROM sums AS s
        LEFT JOIN ranks AS r ON s.is_valued AND s.currency IS NOT DISTINCT FROM r.currency
    )
    SELECT value, code, is_valued, CASE WHEN is_summed THEN currency END AS shown, is_summed,
        sum(events)::BIGINT, sum(CASE WHEN is_summed THEN micros ELSE 0 END)::HUGEINT
    FROM ranked
    GROUP BY value, code, is_valued, shown, is_summed
    ORDER BY value, code, is_valued, shown, is_summed
    """
    return sql, parameters
