"""The difference as JSON: exact numbers for programs."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from sloengine.authoring.backtest import covered_share
from sloengine.authoring.diff.changes import Change
from sloengine.authoring.diff.impact import Ending, Impact, Move, SloImpact
from sloengine.authoring.diff.revisions import Side
from sloengine.evaluate import SloEvaluation
from sloengine.report.moments import rfc3339

FORMAT = "sloengine.diff/v1"

Json = dict[str, Any]


def render_json(
    before: Side, after: Side, changes: tuple[Change, ...], impact: Impact | None
) -> str:
    """Return one JSON document, described in docs/diff-and-backtest.md; ratios are fractions."""
    document = {
        "format": FORMAT,
        "before": _side(before),
        "after": _side(after),
        "changes": [
            {
                "action": change.action,
                "kind": change.kind,
                "name": change.name,
                "details": [
                    {"text": detail.text, "before": detail.before, "after": detail.after}
                    for detail in change.details
                ],
            }
            for change in changes
        ],
        "impact": None if impact is None else _impact(before, after, impact),
    }
    return json.dumps(document, ensure_ascii=True, indent=2) + "\n"


def _side(side: Side) -> Json:
    return {"title": side.title, "revision": side.plan.revision, "commit": side.plan.commit}


def _impact(before: Side, after: Side, impact: Impact) -> Json:
    history = impact.history
    windows = {slo.window_text: slo.window_ns for slo in (*before.plan.slos, *after.plan.slos)}
    return {
        "as_of": rfc3339(impact.at_ns),
        "history": {
            "spans": history.spans,
            "start": None if history.start_ns is None else rfc3339(history.start_ns),
            "end": None if history.end_ns is None else rfc3339(history.end_ns),
            "covered": {
                text: _fraction(covered_share(history, window_ns))
                for text, window_ns in windows.items()
            },
        },
        "unchanged": impact.unchanged,
        "slos": [_slo(slo) for slo in impact.slos],
        "transactions": [
            {"before": _ending(old), "after": _ending(new), **_move(move)}
            for (old, new), move in sorted(
                impact.moves.items(), key=lambda item: (-item[1].count, item[0])
            )
        ],
        "problems": list(impact.problems),
    }


def _slo(slo: SloImpact) -> Json:
    return {
        "slo": slo.slo,
        "objective": slo.objective,
        "before": _evaluation(slo.before),
        "after": _evaluation(slo.after),
        "flips": [
            {"before": was, "after": is_now, **_move(move)}
            for (was, is_now), move in sorted(slo.flips.items())
        ],
    }


def _evaluation(slo: SloEvaluation | None) -> Json | None:
    if slo is None:
        return None
    return {
        "target": _fraction(Fraction(slo.target)),
        "window": slo.window,
        "good": slo.good,
        "total": slo.total,
        "excluded": slo.excluded,
        "unknown": slo.unknown,
        "state": slo.state.value,
        "budget": {
            "total": _fraction(slo.budget_total),
            "used": slo.budget_used,
            "remaining": _fraction(slo.budget_remaining),
        },
    }


def _ending(ending: Ending) -> Json | None:
    transaction, outcome, reason = ending
    if not transaction:
        return None
    return {"transaction": transaction, "outcome": outcome, "reason": reason}


def _move(move: Move) -> Json:
    return {"count": move.count, "traces": list(move.traces)}


def _fraction(value: Fraction | None) -> str | None:
    """An exact ratio, such as `-53/100`."""
    return None if value is None else f"{value.numerator}/{value.denominator}"
