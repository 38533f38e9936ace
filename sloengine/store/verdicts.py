"""What each indicator says about a fact, as one SQL expression for all indicators of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from sloengine.definitions.plan import Outcome, SloRule
from sloengine.ottl import FactCondition, FactView
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
_PLAIN = frozenset({"outcome", "reason"})


class Judged(FactView, Protocol):
    """What verdicts read of a fact."""

    @property
    def transaction(self) -> str:
        """Its name."""
        ...


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
    for all, so that a hundred objectives cost one pass over stored facts."""
    parameters: tuple[object, ...]
    """Of the `?` in `codes_sql`, in order."""
    further_sql: str
    """As `codes_sql`, of those indicators only that read more than outcome and reason."""
    further_parameters: tuple[object, ...]
    further: frozenset[str]
    """The transactions that such indicators look at."""
    rules: Mapping[str, tuple[tuple[int, SloRule], ...]]
    """By transaction: numbers of its indicators, each with an SLO that has it."""

    _plain: dict[tuple[str, str, str], tuple[tuple[int, Result], ...]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def plain_results(
        self, transaction: str, outcome: str, reason: str
    ) -> tuple[tuple[int, Result], ...]:
        """Return the verdicts of those indicators that read no more than this of a fact."""
        key = (transaction, outcome, reason)
        known = self._plain.get(key)
        if known is None:
            ended = _Ended(*key)
            known = self._plain[key] = tuple(
                (number, result)
                for number, rule in self.rules.get(transaction, ())
                if _is_plain(rule) and (result := _result(rule, ended)) is not None
            )
        return known

    def results(self, fact: Judged) -> dict[int, Result]:
        """Return the verdict of each indicator that counts a fact, by number."""
        found = (
            (number, _result(rule, fact)) for number, rule in self.rules.get(fact.transaction, ())
        )
        return {number: result for number, result in found if result is not None}


@dataclass(frozen=True, slots=True)
class _Ended:
    """A fact of which only outcome and reason are known."""

    transaction: str
    outcome: str
    reason: str
    start_ns: int = 0
    end_ns: int = 0
    amount_micros: int | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)


def indicator_set(slos: Iterable[SloRule]) -> IndicatorSet:
    """Number the indicators of `slos` and generate their verdict expression.

    All text of users stands in `parameters`, or in conditions that the typed tree printed.
    """
    slos = tuple(slos)
    first: dict[str, SloRule] = {}
    for slo in slos:
        first.setdefault(slo.indicator, slo)
    numbers = {indicator: number for number, indicator in enumerate(first)}
    rules: dict[str, list[tuple[int, SloRule]]] = {}
    for rule in first.values():
        rules.setdefault(rule.transaction, []).append((numbers[rule.indicator], rule))
    further: dict[str, list[tuple[int, SloRule]]] = {}
    for rule in first.values():
        if not _is_plain(rule):
            further.setdefault(rule.transaction, []).append((numbers[rule.indicator], rule))
    codes_sql, parameters = _codes_sql(rules)
    further_sql, further_parameters = _codes_sql(further)
    return IndicatorSet(
        indicators=tuple(first),
        slo_names=tuple(slo.name for slo in slos),
        slo_indicators=tuple(numbers[slo.indicator] for slo in slos),
        codes_sql=codes_sql,
        parameters=parameters,
        further_sql=further_sql,
        further_parameters=further_parameters,
        further=frozenset(further),
        rules={transaction: tuple(members) for transaction, members in rules.items()},
    )


def _is_plain(rule: SloRule) -> bool:
    return all(
        condition is None or condition.reads <= _PLAIN for condition in (rule.good, rule.total)
    )


def _result(rule: SloRule, fact: Judged) -> Result | None:
    """Return what `code_sql` says."""
    if rule.total is not None and not rule.total.evaluate(fact):
        return None
    if fact.outcome == Outcome.EXCLUDED:
        return Result.EXCLUDED
    if fact.outcome == Outcome.UNKNOWN:
        return Result.BAD if rule.unknown_is_bad else Result.UNKNOWN
    return Result.GOOD if rule.good.evaluate(fact) else Result.BAD


def _codes_sql(
    rules: Mapping[str, Sequence[tuple[int, SloRule]]],
) -> tuple[str, tuple[object, ...]]:
    branches: list[str] = []
    parameters: list[object] = []
    for transaction, members in rules.items():
        parameters.append(transaction)
        codes = [code_sql(rule, number, parameters) for number, rule in members]
        branches.append(f"WHEN ? THEN [{', '.join(codes)}]")
    nothing = "CAST([] AS INTEGER[])"
    sql = f"CASE transaction {' '.join(branches)} ELSE {nothing} END" if branches else nothing
    return sql, tuple(parameters)


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
