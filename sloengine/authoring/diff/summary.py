"""What text and Markdown say in the same words."""

from __future__ import annotations

from sloengine.authoring.diff.changes import Change
from sloengine.authoring.diff.impact import (
    BAD,
    GOOD,
    NOT_COUNTED,
    NOWHERE,
    Ending,
    Impact,
    Move,
    SloImpact,
)
from sloengine.evaluate import SloEvaluation
from sloengine.report import numbers

MOST_MOVES = 20
"""Of one list; the rest is counted."""
_FLIPS = {
    (GOOD, BAD): "turn bad",
    (BAD, GOOD): "turn good",
    (NOT_COUNTED, GOOD): "newly counted, good",
    (NOT_COUNTED, BAD): "newly counted, bad",
    (GOOD, NOT_COUNTED): "good, no longer counted",
    (BAD, NOT_COUNTED): "bad, no longer counted",
}


def headline(changes: tuple[Change, ...]) -> str:
    """Return how much changed, in one sentence."""
    if not changes:
        return "Nothing changes: both sets promise and judge the same."
    parts = []
    for action in ("changed", "added", "removed"):
        number = sum(change.action == action for change in changes)
        if number:
            parts.append(f"{number} {action}")
    return f"{', '.join(parts)}."


def impact_headline(impact: Impact) -> str:
    """Return how many transactions flip, in one sentence."""
    changed = sum(move.count for move in impact.moves.values())
    whole = numbers.count(impact.unchanged + changed)
    if not changed:
        return f"None of {whole} transactions would have ended differently."
    return f"{numbers.count(changed)} of {whole} transactions would have ended differently."


def slo_name(slo: SloImpact) -> str:
    """Return the name of a promise, with its objective where it has several."""
    return f"{slo.slo}/{slo.objective}" if slo.objective else slo.slo


def budget(evaluation: SloEvaluation | None) -> str:
    """Return what is left of a budget; a dash where nothing is known."""
    if evaluation is None or evaluation.budget_remaining is None:
        return numbers.NONE
    return numbers.signed_percent(evaluation.budget_remaining)


def counts(evaluation: SloEvaluation | None) -> str:
    """Return bad of all."""
    if evaluation is None:
        return numbers.NONE
    bad = evaluation.total - evaluation.good
    return f"{numbers.count(bad)} of {numbers.count(evaluation.total)}"


def target(evaluation: SloEvaluation | None) -> str:
    """Return a target, or a dash."""
    return numbers.NONE if evaluation is None else numbers.target_percent(evaluation.target)


def flips(slo: SloImpact) -> list[tuple[str, Move]]:
    """Return what flips for a promise, in words, bad news first."""
    order = list(_FLIPS)
    return [
        (_FLIPS.get(way, f"{way[0]} → {way[1]}"), move)
        for way, move in sorted(
            slo.flips.items(),
            key=lambda item: (order.index(item[0]) if item[0] in order else len(order), item[0]),
        )
    ]


def moves(impact: Impact) -> list[tuple[str, Move]]:
    """Return how transactions change, most first."""
    ordered = sorted(impact.moves.items(), key=lambda item: (-item[1].count, item[0]))
    return [(way_in_words(*way), move) for way, move in ordered]


def way_in_words(before: Ending, after: Ending) -> str:
    """Return a change of one transaction: its name once where that stays."""
    if before == NOWHERE:
        return f"new: {_ended(after)}"
    if after == NOWHERE:
        return f"no longer there: {_ended(before)}"
    if before[0] == after[0]:
        return f"{before[0]}: {_how(before)} → {_how(after)}"
    return f"{_ended(before)} → {_ended(after)}"


def _ended(ending: Ending) -> str:
    if ending[0] in ("other", "ignored"):
        return ending[0]
    return f"{ending[0]} {_how(ending)}"


def _how(ending: Ending) -> str:
    _, outcome, reason = ending
    return outcome if reason in ("", outcome) else f"{outcome} ({reason})"
