"""The report as CSV (RFC 4180), one row for each objective, safe to open in a spreadsheet."""

from __future__ import annotations

from fractions import Fraction

from sloengine.evaluate.evaluation import Evaluation, SloEvaluation
from sloengine.report.clean import for_csv
from sloengine.report.moments import rfc3339
from sloengine.report.numbers import Worse, rounded
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
_DIGITS = 6


def render_csv(evaluation: Evaluation) -> str:
    """Return a head line and a row for each objective, lines ended by CR LF.

    Ratios have six decimals, rounded to the worse side; JSON has them exact. A number that is not
    known is an empty cell. Text that a spreadsheet would take for a formula gets a leading `'`.
    """
    lines = [",".join(COLUMNS)]
    lines += [",".join(_row(evaluation, slo)) for slo in ordered(evaluation.slos)]
    return "".join(f"{line}\r\n" for line in lines)


def _row(evaluation: Evaluation, slo: SloEvaluation) -> list[str]:
    rates = {rate.window: rate.rate for rate in slo.burn_rates}
    return [
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
    ]


def _text(text: str) -> str:
    doubled = for_csv(text).replace('"', '""')
    return f'"{doubled}"'


def _number(value: Fraction | None, worse: Worse) -> str:
    return "" if value is None else f"{rounded(value, _DIGITS, worse):f}"
