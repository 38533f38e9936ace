"""Pieces of a plan in words: predicates, targets, durations."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from sloengine.config.durations import duration_text
from sloengine.definitions import (
    AllOf,
    AnySpan,
    CountSpans,
    EntrySpan,
    EverySpan,
    LongerThan,
    NoSpan,
    Plan,
    Predicate,
    Scope,
)
from sloengine.report import numbers
from sloengine.report.clean import one_line
from sloengine.slo import allowed_bad_ratio

_SCOPES = {Scope.SET: "", Scope.TRACE: "trace: ", Scope.ANCESTORS: "ancestor: "}
_ORDINALS = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth", 10: "a tenth"}
_TIMES = {2: "twice", 3: "three times", 4: "four times", 5: "five times", 10: "ten times"}
_PER = (100, 1000, 10_000, 100_000, 10**6)


def duration(ns: int) -> str:
    """Return a length of time as definitions write it: `1.5s`, `90m`."""
    if ns > 10**9 and ns % 10**9:
        return f"{(Decimal(ns) / 10**9).normalize():f}s"
    return duration_text(ns)


def condition(plan: Plan, index: int) -> str:
    """Return a condition's text on one line."""
    return " ".join(one_line(plan.conditions[index].text).split())


def value(plan: Plan, captures: Sequence[int]) -> str:
    """Return expressions that are tried in order; nothing is a dash."""
    texts = (" ".join(one_line(plan.captures[index].text).split()) for index in captures)
    return ", else ".join(texts) or numbers.NONE


def predicate(plan: Plan, holds: Predicate | None) -> str:
    """Return what must hold, much as it is written."""
    match holds:
        case None:
            return numbers.NONE
        case EntrySpan(index):
            return f"entry: {condition(plan, index)}"
        case AnySpan(index, scope):
            return f"{_SCOPES[scope]}anySpan: {condition(plan, index)}"
        case NoSpan(index, scope):
            return f"{_SCOPES[scope]}noSpan: {condition(plan, index)}"
        case EverySpan(of, every, scope):
            asked, held = condition(plan, of), condition(plan, every)
            return f"{_SCOPES[scope]}everySpan: of {asked} holds {held}"
        case CountSpans(match, at_least, at_most, scope):
            bounds = [f"at least {at_least}"] if at_least is not None else []
            bounds += [f"at most {at_most}"] if at_most is not None else []
            return f"{_SCOPES[scope]}count: {condition(plan, match)}, {', '.join(bounds)}"
        case LongerThan(limit_ns):
            return f"longer than {duration(limit_ns)}"
        case AllOf(parts):
            return "; and ".join(predicate(plan, part) for part in parts)


def target_change(before: Decimal, after: Decimal) -> str:
    """Return what another target means for how many may fail."""
    old, new = allowed_bad_ratio(before), allowed_bad_ratio(after)
    shown = f"{numbers.target_percent(before)} → {numbers.target_percent(after)}"
    return f"target {shown}: {_as_many(new / old)} failures allowed ({_of(old)} → {_of(new)})"


def _as_many(ratio: Fraction) -> str:
    if ratio.numerator == 1 and ratio.denominator in _ORDINALS:
        return f"{_ORDINALS[ratio.denominator]} as many"
    if ratio.denominator == 1 and ratio.numerator in _TIMES:
        return f"{_TIMES[ratio.numerator]} as many"
    return f"{numbers.rounded(ratio, 2, numbers.Worse.DOWN):f} times as many"


def _of(ratio: Fraction) -> str:
    """A share as so many in a round number of events."""
    for whole in _PER:
        if (ratio * whole).denominator == 1:
            return f"{ratio * whole} in {numbers.count(whole)}"
    return numbers.percent(ratio, 6, numbers.Worse.DOWN)
