"""The report as CSV (RFC 4180), one row for each objective, safe to open in a spreadsheet.

By a dimension it is one row for each value instead.
"""

from __future__ import annotations

from fractions import Fraction

from sloengine.evaluate.evaluation import Amount, Breakdown, Evaluation, Part, SloEvaluation
from sloengine.report.clean import for_csv
from sloengine.report.moments import rfc3339
from sloengine.report.numbers import Worse, rounded
from sloengine.report.parts import decimal_text
from sloengine.report.wording import ordered

COLUMNS = (
    "slo",
    "objective",
    "transaction",
    "service",
    "window",
    "window_start",
    "window_end",
    "target",
    "good",
    "bad",
    "total",
    "excluded",
    "unknown",
    "sli",
    "budget_total",
    "budget_used",
    "budget_remaining",
    "burn_rate_1h",
    "burn_rate_6h",
    "state",
    "as_of",
    "coverage",
    "revision",
)
PART_COLUMNS = (
    "slo",
    "objective",
    "transaction",
    "window_start",
    "window_end",
    "facts_since",
    "dimension",
    "row",
    "value",
    "good",
    "bad",
    "total",
    "excluded",
    "unknown",
    "sli",
    "share_of_bad",
    "budget_used",
    "currency",
    "amount_total",
    "amount_good",
    "amount_bad",
    "transactions_with_amount",
    "as_of",
    "revision",
)
_DIGITS = 6


def render_csv(evaluation: Evaluation) -> str:
    """Return a head line and a row for each objective, lines ended by CR LF.

    Ratios have six decimals, rounded to the worse side; JSON has them exact. A number that is not
    known is an empty cell. Text that a spreadsheet would take for a formula gets a leading `'`.

    By a dimension, rows of the kind `value` and `untold` sum to the counts of their objective; rows
    of the kind `money` have one currency of one value, and no counts.
    """
    slos = ordered(evaluation.slos)
    lines = [COLUMNS, *(_row(evaluation, slo) for slo in slos)]
    if any(slo.by is not None for slo in slos):
        lines = [PART_COLUMNS]
        for slo in slos:
            if slo.by is not None:
                lines += _parts(evaluation, slo, slo.by)
    return "".join(f"{','.join(line)}\r\n" for line in lines)


def _parts(evaluation: Evaluation, slo: SloEvaluation, by: Breakdown) -> list[tuple[str, ...]]:
    begin = (
        _text(slo.slo),
        _text(slo.objective),
        _text(slo.transaction),
        _text(rfc3339(slo.start_ns)),
        _text(rfc3339(slo.end_ns)),
        _text(rfc3339(slo.facts_since_ns)),
        _text(by.dimension),
    )
    end = (_text(rfc3339(evaluation.at_ns)), _text(evaluation.revision))
    no_counts, no_money = ("",) * 8, ("",) * 5
    rows = []
    for part in by.parts:
        value = _text(part.value)
        rows.append((*begin, _text("value"), value, *_counts(part), *no_money, *end))
        rows += [
            (*begin, _text("money"), value, *no_counts, *_amount(amount), *end)
            for amount in (() if part.money is None else part.money.amounts)
        ]
    if by.untold is not None:
        rows.append((*begin, _text("untold"), "", *_counts(by.untold), *no_money, *end))
    return rows


def _counts(part: Part) -> tuple[str, ...]:
    return (
        str(part.good),
        str(part.bad),
        str(part.total),
        str(part.excluded),
        str(part.unknown),
        _number(part.sli, Worse.DOWN),
        _number(part.share_of_bad, Worse.UP),
        _number(part.budget_used, Worse.UP),
    )


def _amount(amount: Amount) -> tuple[str, ...]:
    return (
        _text(amount.currency or ""),
        decimal_text(amount.total_micros),
        decimal_text(amount.good_micros),
        decimal_text(amount.total_micros - amount.good_micros),
        str(amount.transactions),
    )


def _row(evaluation: Evaluation, slo: SloEvaluation) -> tuple[str, ...]:
    rates = {rate.window: rate.rate for rate in slo.burn_rates}
    return (
        _text(slo.slo),
        _text(slo.objective),
        _text(slo.transaction),
        _text(slo.service),
        _text(slo.window),
        _text(rfc3339(slo.start_ns)),
        _text(rfc3339(slo.end_ns)),
        f"{slo.target:f}",
        str(slo.good),
        str(slo.total - slo.good),
        str(slo.total),
        str(slo.excluded),
        str(slo.unknown),
        _number(slo.sli, Worse.DOWN),
        _number(slo.budget_total, Worse.DOWN),
        str(slo.budget_used),
        _number(slo.budget_remaining, Worse.DOWN),
        _number(rates.get("1h"), Worse.UP),
        _number(rates.get("6h"), Worse.UP),
        _text(slo.state.value),
        _text(rfc3339(evaluation.at_ns)),
        _number(evaluation.coverage.share, Worse.DOWN),
        _text(evaluation.revision),
    )


def _text(text: str) -> str:
    doubled = for_csv(text).replace('"', '""')
    return f'"{doubled}"'


def _number(value: Fraction | None, worse: Worse) -> str:
    return "" if value is None else f"{rounded(value, _DIGITS, worse):f}"
