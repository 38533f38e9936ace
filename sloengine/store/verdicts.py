"""What each indicator says about a fact, as one SQL expression for all indicators of a plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from sloengine.definitions.plan import Outcome, SloRule


class Result(IntEnum):
    """What one fact is to one indicator; the numbers are those of the generated SQL."""

    GOOD = 0
    BAD = 1
    EXCLUDED = 2
    UNKNOWN = 3


RESULT_NAMES = tuple(result.name.lower() for result in Result)
NO_RESULT = "none"
"""In corrections: the indicator did not look at this fact before, or no longer does."""

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
        codes = [_code_sql(rule, numbers[rule.indicator], parameters) for rule in members]
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


def _code_sql(rule: SloRule, number: int, parameters: list[object]) -> str:
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
