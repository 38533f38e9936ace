"""An objective by value of a dimension, and its money, in the words of every form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sloengine.evaluate.evaluation import Amount, Breakdown, Money, Part, SloEvaluation
from sloengine.ottl.facts import NO_VALUE
from sloengine.report import numbers
from sloengine.report.clean import one_line
from sloengine.report.moments import as_of
from sloengine.store import OTHER_VALUE

ALL = "all"
NO_CURRENCY = "(no currency)"
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class PartLine:
    """A line of the table: a value, what was counted before values are known, or the sum."""

    name: str
    good: str
    bad: str
    total: str
    excluded: str
    unknown: str
    actual: str
    of_bad: str
    of_budget: str
    bad_events: int
    is_part: bool
    """False for the sum."""


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """What the transactions of a value were worth in one currency."""

    name: str
    currency: str
    total: str
    good: str
    bad: str
    transactions: str


def value_name(value: str) -> str:
    """Return a value on one line; one of which nothing would be seen stands in quotes."""
    flat = one_line(value)
    return flat if flat.strip() else f'"{flat}"'


def part_lines(slo: SloEvaluation, by: Breakdown) -> list[PartLine]:
    """Return a line for each part, then the sum of them, which is the window's own counts."""
    rows = [(value_name(part.value), part) for part in by.parts]
    if by.untold is not None:
        rows.append((f"before {as_of(slo.facts_since_ns, year=True)}", by.untold))
    shares = numbers.shares_of_whole({str(i): part.bad for i, (_, part) in enumerate(rows)})
    bad = slo.total - slo.good
    lines = [_line(slo, name, part, shares[str(i)]) for i, (name, part) in enumerate(rows)]
    used = None if slo.budget_remaining is None else 1 - slo.budget_remaining
    whole = Part("", slo.good, slo.total, slo.excluded, slo.unknown, None, used, None)
    lines.append(_line(slo, ALL, whole, "100.0%" if bad else numbers.NONE, is_part=False))
    return lines


def _line(
    slo: SloEvaluation, name: str, part: Part, share: str, *, is_part: bool = True
) -> PartLine:
    return PartLine(
        name=name,
        good=numbers.count(part.good),
        bad=numbers.count(part.bad),
        total=numbers.count(part.total),
        excluded=numbers.count(part.excluded),
        unknown=numbers.count(part.unknown),
        actual=_actual(slo, part),
        of_bad=share if slo.total > slo.good else numbers.NONE,
        of_budget=numbers.NONE
        if part.budget_used is None or not part.total
        else numbers.percent(part.budget_used, 1, numbers.Worse.UP),
        bad_events=part.bad,
        is_part=is_part,
    )


def _actual(slo: SloEvaluation, part: Part) -> str:
    if part.sli is None:
        return "no data"
    if not part.bad:
        return f"0 bad of {numbers.count(part.total)}"
    return numbers.sli_percent(part.sli, slo.target)


def part_finding(slo: SloEvaluation, by: Breakdown) -> str:
    """Return what the table shows, as the heading over it."""
    bad = slo.total - slo.good
    if not bad:
        return f"By {by.dimension}: nobody was hit"
    return f"Who was hit: {numbers.count(bad)} bad by {by.dimension}"


def part_notes(slo: SloEvaluation, by: Breakdown) -> list[str]:
    """Return what a reader must know of the table's own names."""
    notes = []
    if by.values > by.limit:
        further = by.values - by.limit
        notes.append(
            f"{OTHER_VALUE}: {numbers.count(further)} further value{'s' if further > 1 else ''}; "
            f"the {numbers.count(by.limit)} with most transactions are shown (limit)"
        )
    if by.is_capped:
        notes.append(f"{OTHER_VALUE}: more values than the store tells apart are in it")
    if any(part.value == NO_VALUE for part in by.parts):
        notes.append(f"{NO_VALUE}: no span said its {by.dimension}")
    if by.untold is not None:
        notes.append(
            f"values of {by.dimension} are known from {as_of(slo.facts_since_ns, year=True)} on; "
            f"{numbers.count(by.untold.total)} transactions were counted before"
        )
    return notes


def money_lines(slo: SloEvaluation) -> list[MoneyLine]:
    """Return what the window's transactions were worth, one line for each currency."""
    return [] if slo.money is None else _lines_of(ALL, slo.money, _digits(slo))


def part_money_lines(slo: SloEvaluation, by: Breakdown) -> list[MoneyLine]:
    """Return what the transactions of each value were worth, then their sum, by currency."""
    digits = _digits(slo)
    lines: list[MoneyLine] = []
    for part in by.parts:
        if part.money is not None:
            lines += _lines_of(value_name(part.value), part.money, digits)
    return [*lines, *money_lines(slo)] if lines else []


def money_notes(slo: SloEvaluation) -> list[str]:
    """Return what the sums of money do not hold."""
    money = slo.money
    if money is None:
        return []
    notes = []
    if not money.amounts and not money.further and slo.total:
        notes.append("no transaction has an amount: what they were worth is not known")
    elif money.good_without or money.bad_without:
        notes.append(
            f"without an amount: {numbers.count(money.good_without)} good and "
            f"{numbers.count(money.bad_without)} bad transactions, in no sum of money"
        )
    if money.further:
        notes.append(
            f"{numbers.count(money.further)} transactions in currencies beyond the "
            f"{numbers.count(len(money.amounts))} commonest are in no sum of money"
        )
    if slo.facts_since_ns > slo.start_ns:
        notes.append(f"money is known from {as_of(slo.facts_since_ns, year=True)} on")
    return notes


def decimal_text(micros: int) -> str:
    """Return millionths as an exact decimal for programs: `-0.5`, `12`."""
    return _decimal(micros, _needed([micros])).replace(",", "")


def _lines_of(name: str, money: Money, digits: dict[str | None, int]) -> list[MoneyLine]:
    def shown(micros: int, one: Amount) -> str:
        return _decimal(micros, digits[one.currency]).replace("-", numbers.MINUS)

    return [
        MoneyLine(
            name=name,
            currency=NO_CURRENCY if one.currency is None else value_name(one.currency),
            total=shown(one.total_micros, one),
            good=shown(one.good_micros, one),
            bad=shown(one.total_micros - one.good_micros, one),
            transactions=numbers.count(one.transactions),
        )
        for one in money.amounts
    ]


def _digits(slo: SloEvaluation) -> dict[str | None, int]:
    """Return how many decimals show every sum of a currency exactly; one alone looks like none."""
    moneys = [slo.money, *(part.money for part in (slo.by.parts if slo.by else ()))]
    found: dict[str | None, list[int]] = {}
    for money in moneys:
        for one in () if money is None else money.amounts:
            found.setdefault(one.currency, []).extend((one.total_micros, one.good_micros))
    needed = {currency: _needed(sums) for currency, sums in found.items()}
    return {currency: 2 if digits == 1 else digits for currency, digits in needed.items()}


def _needed(sums: Iterable[int]) -> int:
    return max(len(f"{abs(micros) % _MICROS:06d}".rstrip("0")) for micros in sums)


def _decimal(micros: int, digits: int) -> str:
    """Return `-1,234.50`, by whole numbers: a sum may have more digits than a Decimal keeps."""
    whole, rest = divmod(abs(micros), _MICROS)
    sign = "-" if micros < 0 else ""
    return f"{sign}{whole:,}" + (f".{rest:06d}"[: digits + 1] if digits else "")
