"""From counts to verdicts: one `Evaluation` of a plan's objectives at an instant.

How windows are cut: an event counts in the slot in which it ended (10 s; a minute for what is
older than three days), and slots are never split. A window `[start, end)` ends at `at_ns` and
holds every slot that starts before it, so the running slot is in. Its start is rounded down to the
slot; to the minute where the window reaches back three days or more, or into what was folded to
minutes. So an answer about now does not depend on whether compaction has run yet; for an `at_ns`
long past, windows are exact to the minute.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

from sloengine.definitions.plan import Objective, Plan, SloRule
from sloengine.errors import OperatorError
from sloengine.evaluate import breakdown
from sloengine.evaluate.adjust import Adjusted, adjust
from sloengine.evaluate.evaluation import (
    BudgetDay,
    BurnRate,
    Coverage,
    DefinitionUse,
    Evaluation,
    SloEvaluation,
    TrafficShare,
)
from sloengine.slo import (
    BURN_WINDOWS,
    DAY_NS,
    MINUTE_NS,
    PACE_WINDOW,
    burn_rate,
    error_budget,
    sli,
    state,
    time_to_exhaustion,
)
from sloengine.store import Counts, CountWindow, CourseStep, ReasonCount, StoreReader
from sloengine.store.slots import FINE_FOR_NS, SLOT_NS, floor_to

DEFAULT_WINDOW_NS = 28 * DAY_NS
"""What a report without SLOs looks at."""
OTHER_NAMES = 10
"""How many names of unmapped traffic are listed."""
LATE_UNVERIFIABLE = "processor.late_unverifiable"
"""The persistent counter of spans that came too late to be checked against stored facts."""
COURSE_STEPS = 48
"""How many steps a course has at most."""
_STEPS_NS = (
    *(seconds * 10**9 for seconds in (10, 20, 30)),
    *(minutes * MINUTE_NS for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 60 * MINUTE_NS for hours in (1, 2, 3, 6, 12)),
    DAY_NS,
)
"""Multiples of a slot, and from a minute on of a minute: what old counts are kept in."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the store said, for all windows of all SLOs."""

    counts: Mapping[CountWindow, Counts]
    reasons: Mapping[CountWindow, tuple[ReasonCount, ...]]
    course: Mapping[CountWindow, tuple[CourseStep, ...]]
    first_events: Mapping[str, int]
    adjusted: Mapping[str, Adjusted]
    """By SLO."""
    parts: Mapping[str, breakdown.Found]
    """By SLO; only for reports."""


def evaluate(
    reader: StoreReader,
    plan: Plan,
    *,
    at_ns: int,
    slos: Collection[str] | None = None,
    course: bool = False,
    by: str | None = None,
) -> Evaluation:
    """Evaluate a plan's objectives over the windows that end at `at_ns`, all of one state.

    `slos` names those wanted (`None`: all); a name that the plan does not have raises
    OperatorError. `course` adds what only reports need: counts by step of
    `course_step`, which definitions judged, what transactions were worth, and, where `by` names a
    dimension, counts by its values; one that no SLO wanted has raises OperatorError. A plan other
    than the one that the store counts by has counts only of indicators that it shares with plans
    registered before.
    """
    wanted = _select(plan, slos)
    if by is not None:
        breakdown.require_dimension(plan, wanted, by)
    with reader.consistent():
        return _evaluate(reader, plan, wanted, at_ns, course=course, by=by)


def window_start(at_ns: int, length_ns: int, folded_until_ns: int) -> int:
    """Return where a window of `length_ns` that ends at `at_ns` begins, cut as stated above."""
    start_ns = at_ns - length_ns
    coarse = length_ns >= FINE_FOR_NS or start_ns < folded_until_ns
    return floor_to(start_ns, MINUTE_NS if coarse else SLOT_NS)


def course_step(length_ns: int) -> int:
    """Return the step of a course: the shortest usual one that cuts it into few enough pieces."""
    usable = (step for step in _STEPS_NS if length_ns <= COURSE_STEPS * step)
    return next(usable, -(-length_ns // (COURSE_STEPS * DAY_NS)) * DAY_NS)


def course_window(window: CountWindow, first_event_ns: int | None) -> CountWindow:
    """Return the part of a window that its course shows: all of it, or what was observed.

    A store that is younger than the window shows its own short life in finer steps, instead of one
    last step after many empty ones.
    """
    if first_event_ns is None or not window.start_ns < first_event_ns < window.end_ns:
        return window
    step_ns = course_step(window.end_ns - first_event_ns)
    start_ns = max(window.start_ns, floor_to(first_event_ns, step_ns))
    return CountWindow(window.indicator, start_ns, window.end_ns)


def _evaluate(
    reader: StoreReader,
    plan: Plan,
    wanted: tuple[SloRule, ...],
    at_ns: int,
    *,
    course: bool,
    by: str | None,
) -> Evaluation:
    folded_until_ns = reader.folded_until_ns()

    def window(rule: SloRule, length_ns: int) -> CountWindow:
        start_ns = window_start(at_ns, length_ns, folded_until_ns)
        return CountWindow(rule.indicator, start_ns, at_ns)

    whole = {rule.name: window(rule, rule.window_ns) for rule in wanted}
    burn = {
        rule.name: {name: window(rule, length_ns) for name, length_ns in BURN_WINDOWS}
        for rule in wanted
    }
    first_events = reader.first_events({rule.indicator for rule in wanted})
    courses = {
        rule.name: course_window(whole[rule.name], first_events.get(rule.indicator))
        for rule in wanted
    }
    facts_since_ns = reader.facts_since_ns()
    adjusted = {
        rule.name: adjust(reader, plan, rule, whole[rule.name], facts_since_ns=facts_since_ns)
        for rule in wanted
    }
    asked = {*whole.values(), *(one for windows in burn.values() for one in windows.values())}
    found = _Found(
        counts=reader.window_counts(asked),
        reasons=reader.bad_reasons(whole.values()),
        course=(
            reader.course({one: course_step(one.end_ns - one.start_ns) for one in courses.values()})
            if course
            else {}
        ),
        first_events=first_events,
        adjusted=adjusted,
        parts={
            rule.name: breakdown.find(
                reader,
                plan,
                rule,
                whole[rule.name],
                adjusted[rule.name],
                by=by,
                facts_since_ns=facts_since_ns,
            )
            for rule in wanted
            if course or by is not None
        },
    )
    evaluations = tuple(
        _objective(rule, objective, whole[rule.name], courses[rule.name], burn[rule.name], found)
        for rule in wanted
        for objective in rule.objectives
    )
    longest_ns = max((rule.window_ns for rule in wanted), default=DEFAULT_WINDOW_NS)
    start_ns = window_start(at_ns, longest_ns, folded_until_ns)
    counters = reader.counters()
    return Evaluation(
        at_ns=at_ns,
        revision=plan.revision,
        commit=plan.commit,
        slos=evaluations,
        traffic=_traffic(reader, start_ns, at_ns),
        other_names=tuple(
            (name.service, name.span, name.events)
            for name in reader.other_names(start_ns, at_ns, most=OTHER_NAMES)
        ),
        coverage=_coverage(reader, start_ns, at_ns),
        late_unverifiable=counters.get(LATE_UNVERIFIABLE, 0),
        not_evaluated=plan.not_evaluated,
        counters=counters,
        last_event_ns=reader.last_event_ns(),
        definitions=(
            tuple(
                DefinitionUse(
                    use.transaction, use.definition, use.first_ns, use.last_ns, use.events
                )
                for use in reader.definitions(start_ns, at_ns)
            )
            if course
            else ()
        ),
    )


def _select(plan: Plan, slos: Collection[str] | None) -> tuple[SloRule, ...]:
    if slos is None:
        return plan.slos
    known = {rule.name for rule in plan.slos}
    if missing := sorted(set(slos) - known):
        raise OperatorError(
            f'SLO "{missing[0]}": no such SLO in the definitions; '
            f"there are: {', '.join(sorted(known)) or 'none'}"
        )
    return tuple(rule for rule in plan.slos if rule.name in slos)


def _objective(
    rule: SloRule,
    objective: Objective,
    window: CountWindow,
    shown: CountWindow,
    burn_windows: Mapping[str, CountWindow],
    found: _Found,
) -> SloEvaluation:
    adjusted = found.adjusted[rule.name]
    parts = found.parts.get(rule.name, breakdown.Found(window.start_ns))
    counts = adjusted.counts(window, found.counts[window])
    target = objective.target
    step_ns = course_step(shown.end_ns - shown.start_ns)
    budget = error_budget(counts.good, counts.total, target)
    burn_rates = tuple(
        _burn(
            name,
            length_ns,
            adjusted.counts(burn_windows[name], found.counts[burn_windows[name]]),
            objective,
        )
        for name, length_ns in BURN_WINDOWS
    )
    pace = next(burn.rate for burn in burn_rates if burn.window == PACE_WINDOW)
    remaining = budget.remaining if budget else Fraction(0)
    return SloEvaluation(
        slo=rule.name,
        objective=objective.display_name,
        display_name=rule.display_name,
        description=rule.description,
        service=rule.service,
        transaction=rule.transaction,
        indicator=rule.indicator,
        target=target,
        window=rule.window_text,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        good=counts.good,
        total=counts.total,
        excluded=counts.excluded,
        unknown=counts.unknown,
        sli=sli(counts.good, counts.total),
        budget_total=budget.total if budget else None,
        budget_used=counts.total - counts.good,
        budget_remaining=budget.remaining if budget else None,
        burn_rates=burn_rates,
        time_to_exhaustion_ns=time_to_exhaustion(remaining, pace, rule.window_ns),
        state=state(counts.good, counts.total, target),
        reasons={
            f"{reason.outcome}: {reason.reason}": reason.events
            for reason in adjusted.reasons(window, found.reasons[window])
        },
        course=(
            _steps(shown, adjusted.course(shown, step_ns, found.course[shown]), step_ns)
            if shown in found.course
            else ()
        ),
        adjustments=adjusted.uses,
        observed_since_ns=found.first_events.get(rule.indicator),
        corrected=counts.corrected,
        position=rule.position,
        annotations=rule.annotations,
        facts_since_ns=parts.facts_since_ns,
        dimensions=parts.dimensions,
        money=parts.money(),
        by=parts.breakdown(counts, budget.total if budget else None),
    )


def _burn(name: str, length_ns: int, counts: Counts, objective: Objective) -> BurnRate:
    return BurnRate(
        window=name,
        window_ns=length_ns,
        good=counts.good,
        total=counts.total,
        rate=burn_rate(counts.good, counts.total, objective.target),
    )


def _steps(
    window: CountWindow, found: tuple[CourseStep, ...], step_ns: int
) -> tuple[BudgetDay, ...]:
    """Cut a window into steps from its start, those without events included."""
    by_start = {step.start_ns: step for step in found}
    steps = []
    for start_ns in range(window.start_ns, window.end_ns, step_ns):
        step = by_start.get(start_ns, CourseStep(start_ns, 0, 0))
        end_ns = min(start_ns + step_ns, window.end_ns)
        steps.append(BudgetDay(start_ns, end_ns, step.good, step.total))
    return tuple(steps)


def _traffic(reader: StoreReader, start_ns: int, end_ns: int) -> tuple[TrafficShare, ...]:
    outcomes: dict[str, dict[str, int]] = {}
    for count in reader.traffic(start_ns, end_ns):
        outcomes.setdefault(count.transaction, {})[count.outcome] = count.events
    return tuple(
        TrafficShare(transaction, sum(by_outcome.values()), by_outcome)
        for transaction, by_outcome in outcomes.items()
    )


def _coverage(reader: StoreReader, start_ns: int, end_ns: int) -> Coverage:
    minutes = -(-(end_ns - floor_to(start_ns, MINUTE_NS)) // MINUTE_NS)
    return Coverage(reader.covered_minutes(start_ns, end_ns), minutes)
