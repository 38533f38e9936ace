"""What each indicator says about a fact, as one SQL expression for all indicators of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from sloengine.definitions.plan import Outcome, SloRule
from sloengine.ottl import FactCondition
from sloengine.store.slots import MINUTE_NS, SLOT_NS


class Result(IntEnum):
    """What one fact is to one indicator; the numbers are those of the generated SQL."""

    GOOD = 0
    BAD = 1
    EXCLUDED = 2
    UNKNOWN = 3


RESULT_NAMES = tuple(result.name.lower() for result in Result)
NO_RESULT = "none"
"""In corrections: the indicator did not look at this fact before, or no longer does."""

FACT_SLOT = f"""
(end_ns - end_ns % CASE WHEN end_ns < (SELECT folded_until_ns FROM store)
    THEN {MINUTE_NS} ELSE {SLOT_NS} END)
"""
"""SQL: the slot that a fact is counted in. Windows are cut by slots, so what is read from facts
must be, too."""

_CODES_PER_INDICATOR = len(Result)


@dataclass(frozen=True, slots=True)
class IndicatorSet:
    """The indicators of some SLOs, numbered. SLOs that share an indicator share its counts."""

    indicators: tuple[str, ...]
    """Content hashes; the position is the indicator's number."""
    slo_names: tuple[str, ...]
    slo_indicators: tuple[int, ...]
    """For each of `slo_names`, the number of its indicator."""
    codes_sql: str
    """An INTEGER[] over the columns transaction, outcome, reason, start_ns, end_ns, duration,
    amount_micros and dimensions of a fact: one code for each indicator of its transaction,
    indicator number × 4 + result, NULL where the indicator does not count the fact. One expression
    for all, so that a hundred objectives cost one pass over a commit's facts."""
    parameters: tuple[object, ...]
    """Of the `?` in `codes_sql`, in order."""


def indicator_set(slos: Iterable[SloRule]) -> IndicatorSet:
    """Number the indicators of `slos` and generate their verdict expression.

    All text of users stands in `parameters`, or in conditions that the typed tree printed.
    """
    slos = tuple(slos)
    rules: dict[str, SloRule] = {}
    for slo in slos:
        rules.setdefault(slo.indicator, slo)
    numbers = {indicator: number for number, indicator in enumerate(rules)}
    by_transaction: dict[str, list[SloRule]] = {}
    for rule in rules.values():
        by_transaction.setdefault(rule.transaction, []).append(rule)

    branches: list[str] = []
    parameters: list[object] = []
    for transaction, members in by_transaction.items():
        parameters.append(transaction)
        codes = [code_sql(rule, numbers[rule.indicator], parameters) for rule in members]
        branches.append(f"WHEN ? THEN [{', '.join(codes)}]")
    nothing = "CAST([] AS INTEGER[])"
    codes_sql = f"CASE transaction {' '.join(branches)} ELSE {nothing} END" if branches else nothing
    return IndicatorSet(
        indicators=tuple(rules),
        slo_names=tuple(slo.name for slo in slos),
        slo_indicators=tuple(numbers[slo.indicator] for slo in slos),
        codes_sql=codes_sql,
        parameters=tuple(parameters),
    )


def code_sql(rule: SloRule, number: int, parameters: list[object]) -> str:
    """Return one indicator's code of a fact, as `IndicatorSet.codes_sql` describes it.

    The values of its `?` are added to `parameters`.
    """
    base = number * _CODES_PER_INDICATOR
    unknown = Result.BAD if rule.unknown_is_bad else Result.UNKNOWN
    counted = "true"
    if rule.total is not None:
        total = rule.total.to_sql()
        counted = f"({total.sql})"
        parameters.extend(total.params)
    good = rule.good.to_sql()
    parameters.extend(good.params)
    return (
        f"CASE WHEN NOT {counted} THEN NULL"
        f" WHEN outcome = '{Outcome.EXCLUDED}' THEN {base + Result.EXCLUDED}"
        f" WHEN outcome = '{Outcome.UNKNOWN}' THEN {base + unknown}"
        f" WHEN ({good.sql}) THEN {base + Result.GOOD}"
        f" ELSE {base + Result.BAD} END"
    )


def conditions_sql(conditions: Sequence[FactCondition | None], parameters: list[object]) -> str:
    """Return a BOOLEAN[]: whether each condition holds on a fact; `None` always holds.

    The values of its `?` are added to `parameters`.
    """
    holds = []
    for condition in conditions:
        if condition is None:
            holds.append("true")
        else:
            written = condition.to_sql()
            holds.append(f"({written.sql})")
            parameters.extend(written.params)
    return f"CAST([{', '.join(holds)}] AS BOOLEAN[])"


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
            SELECT rowid AS row_id, end_ns, start_ns, outcome, reason, amount_micros, dimensions,
                end_ns - start_ns AS duration
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
