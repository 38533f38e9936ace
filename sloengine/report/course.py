"""The course of a budget: what was left of it at the end of each step of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sloengine.evaluate.evaluation import BudgetDay, SloEvaluation
from sloengine.report.moments import DAY_NS, day_and_time, span_of


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """One step `[start_ns, end_ns)` of the window."""

    start_ns: int
    end_ns: int
    bad: int
    total: int
    left: Fraction
    """Share of the whole window's budget that was left at the step's end; may be negative."""
    observed: bool
    """Whether the step held any event."""


def course_of(slo: SloEvaluation) -> list[CoursePoint]:
    """Return the points of a promise's course in order of time; empty where it cannot be drawn.

    The budget is the whole window's, so the last point equals the budget that is left where the
    course covers every event of the window. Steps without an event are points that say so.
    """
    if not slo.budget_total or not slo.course:
        return []
    points: list[CoursePoint] = []
    used = 0
    for day in _without_stub(slo.course):
        bad = day.total - day.good
        used += bad
        left = 1 - used / slo.budget_total
        points.append(CoursePoint(day.start_ns, day.end_ns, bad, day.total, left, day.total > 0))
    return points


def _without_stub(course: Sequence[BudgetDay]) -> Sequence[BudgetDay]:
    """Join a last step that is much shorter than the others to the one before it.

    A window that does not begin where a step does leaves a stub, too narrow to be drawn.
    """
    if len(course) < 2:
        return course
    before, last = course[-2], course[-1]
    if (last.end_ns - last.start_ns) * 2 >= before.end_ns - before.start_ns:
        return course
    joined = BudgetDay(
        before.start_ns, last.end_ns, before.good + last.good, before.total + last.total
    )
    return [*course[:-2], joined]


def ran_out(points: list[CoursePoint]) -> CoursePoint | None:
    """Return the first step at whose end more than the budget was used, if there is one."""
    return next((point for point in points if point.left < 0), None)


def axis(points: list[CoursePoint], rows: int = 8) -> list[Fraction]:
    """Return grid values from 100% down past the lowest point; zero is always one of them."""
    lowest = min((point.left for point in points), default=Fraction(0))
    span = 1 - min(lowest, Fraction(0))
    step = Fraction(1, 4)
    ladder = (2, 2, Fraction(5, 2))
    turn = 0
    while span / step > rows:
        step *= ladder[turn % 3]
        turn += 1
    if step > 1:
        top, values = Fraction(0), [Fraction(1)]
    else:
        top, values = Fraction(1), []
    value = top
    while True:
        values.append(value)
        if value <= lowest and value <= 0:
            return values
        value -= step


def when(point: CoursePoint) -> str:
    """Return when a step was: `on 12 Nov 2026`, or where it is no calendar day, by its end."""
    whole_day = point.start_ns % DAY_NS == 0 and point.end_ns - point.start_ns == DAY_NS
    if whole_day:
        return f"on {span_of(point.start_ns, point.end_ns)}"
    return f"by {day_and_time(point.end_ns, year=True)}"
