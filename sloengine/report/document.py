"""The report as JSON: exact numbers for programs, by the schema in `schema`."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from sloengine.evaluate.evaluation import Breakdown, Evaluation, Money, Part, SloEvaluation
from sloengine.report.moments import rfc3339
from sloengine.report.numbers import NS_PER_SECOND, Worse, rounded
from sloengine.report.parts import decimal_text
from sloengine.report.wording import ordered

FORMAT = "sloengine.report/v1"
_DIGITS = 12

Json = dict[str, Any]


def render_json(evaluation: Evaluation) -> str:
    """Return one JSON document that `JSON_SCHEMA` describes, UTF-8 safe, with a final newline."""
    return json.dumps(report_document(evaluation), ensure_ascii=True, indent=2) + "\n"


def report_document(evaluation: Evaluation) -> Json:
    """Return the report as plain dictionaries; the order of promises is that of every format."""
    coverage = evaluation.coverage
    return {
        "format": FORMAT,
        "as_of": rfc3339(evaluation.at_ns),
        "last_event": _instant(evaluation.last_event_ns),
        "revision": evaluation.revision,
        "commit": evaluation.commit,
        "coverage": {
            "covered_minutes": coverage.covered_minutes,
            "minutes": coverage.minutes,
            "share": _ratio(coverage.share, Worse.DOWN),
        },
        "slos": [_slo(slo) for slo in ordered(evaluation.slos)],
        "traffic": [
            {
                "transaction": share.transaction,
                "total": share.total,
                "outcomes": dict(share.outcomes),
            }
            for share in evaluation.traffic
        ],
        "unmapped": [
            {"service": service, "name": name, "count": number}
            for service, name, number in evaluation.other_names
        ],
        "definitions": [
            {
                "transaction": use.transaction,
                "definition": use.definition,
                "first": rfc3339(use.first_ns),
                "last": rfc3339(use.last_ns),
                "count": use.events,
            }
            for use in evaluation.definitions
        ],
        "late_unverifiable": evaluation.late_unverifiable,
        "not_evaluated": list(evaluation.not_evaluated),
        "counters": dict(evaluation.counters),
    }


def _slo(slo: SloEvaluation) -> Json:
    exhaustion = slo.time_to_exhaustion_ns
    return {
        "slo": slo.slo,
        "objective": slo.objective,
        "display_name": slo.display_name,
        "description": slo.description,
        "service": slo.service,
        "transaction": slo.transaction,
        "indicator": slo.indicator,
        "state": slo.state.value,
        "window": {
            "duration": slo.window,
            "start": rfc3339(slo.start_ns),
            "end": rfc3339(slo.end_ns),
        },
        "good": slo.good,
        "bad": slo.total - slo.good,
        "total": slo.total,
        "excluded": slo.excluded,
        "unknown": slo.unknown,
        "corrected": slo.corrected,
        "target": _ratio(Fraction(slo.target), Worse.UP),
        "sli": _ratio(slo.sli, Worse.DOWN),
        "budget": {
            "total": _ratio(slo.budget_total, Worse.DOWN),
            "used": slo.budget_used,
            "remaining": _ratio(slo.budget_remaining, Worse.DOWN),
        },
        "burn_rates": [
            {
                "window": rate.window,
                "good": rate.good,
                "total": rate.total,
                "rate": _ratio(rate.rate, Worse.UP),
            }
            for rate in slo.burn_rates
        ],
        "time_to_exhaustion_seconds": None if exhaustion is None else exhaustion // NS_PER_SECOND,
        "reasons": [{"reason": reason, "count": n} for reason, n in slo.reasons.items()],
        "course": [
            {
                "start": rfc3339(day.start_ns),
                "end": rfc3339(day.end_ns),
                "good": day.good,
                "total": day.total,
            }
            for day in slo.course
        ],
        "adjustments": [
            {
                "name": use.name,
                "reason": use.reason,
                "good": use.good,
                "total": use.total,
                "seconds": use.periods_ns // NS_PER_SECOND,
                "seconds_unread": use.unread_ns // NS_PER_SECOND,
            }
            for use in slo.adjustments
        ],
        "observed_since": _instant(slo.observed_since_ns),
        "facts_since": rfc3339(slo.facts_since_ns),
        "dimensions": list(slo.dimensions),
        "money": _money(slo.money),
        "by_dimension": None if slo.by is None else _by_dimension(slo.by),
        "definition": slo.position,
        "annotations": dict(slo.annotations or {}),
    }


def _by_dimension(by: Breakdown) -> Json:
    untold = by.untold
    return {
        "dimension": by.dimension,
        "limit": by.limit,
        "values": by.values,
        "capped": by.is_capped,
        "rows": [
            {"value": part.value, **_part(part), "money": _money(part.money)} for part in by.parts
        ],
        "untold": None if untold is None else _part(untold),
    }


def _part(part: Part) -> Json:
    return {
        "good": part.good,
        "bad": part.bad,
        "total": part.total,
        "excluded": part.excluded,
        "unknown": part.unknown,
        "sli": _ratio(part.sli, Worse.DOWN),
        "share_of_bad": _ratio(part.share_of_bad, Worse.UP),
        "budget_used": _ratio(part.budget_used, Worse.UP),
    }


def _money(money: Money | None) -> Json | None:
    if money is None:
        return None
    return {
        "currencies": [
            {
                "currency": one.currency,
                "transactions": one.transactions,
                "total": _amount(one.total_micros),
                "good": _amount(one.good_micros),
                "bad": _amount(one.total_micros - one.good_micros),
            }
            for one in money.amounts
        ],
        "good_without_amount": money.good_without,
        "bad_without_amount": money.bad_without,
        "further_currencies": money.further,
    }


def _amount(micros: int) -> Json:
    return {"decimal": decimal_text(micros), "micros": micros}


def _instant(ns: int | None) -> str | None:
    return None if ns is None else rfc3339(ns)


def _ratio(value: Fraction | None, worse: Worse) -> Json | None:
    if value is None:
        return None
    text = f"{rounded(value, _DIGITS, worse):f}"
    return {
        "decimal": text.rstrip("0").rstrip(".") if "." in text else text,
        "numerator": value.numerator,
        "denominator": value.denominator,
    }
