"""What budget adjustments leave out of counts; nothing stored changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sloengine.definitions import periods_of
from sloengine.definitions.plan import Plan, SloRule
from sloengine.evaluate.evaluation import AdjustmentUse
from sloengine.ottl import FactCondition
from sloengine.slo import MINUTE_NS
from sloengine.store import Counts, CountWindow, CourseStep, LeftOut, ReasonCount, StoreReader
from sloengine.store.slots import floor_to


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What adjustments leave out of one SLO, slot by slot."""

    uses: tuple[AdjustmentUse, ...] = ()
    rows: tuple[LeftOut, ...] = ()
    periods: tuple[tuple[int, int, int], ...] = ()
    """(from, until, number of the adjustment), as `StoreReader` asks for them."""
    conditions: tuple[FactCondition | None, ...] = ()
    """One for each adjustment."""

    def counts(self, window: CountWindow, counts: Counts) -> Counts:
        """Return the counts of a window without what is left out."""
        inside = self._inside(window)
        return replace(
            counts,
            good=counts.good - sum(row.good for row in inside),
            total=counts.total - sum(row.total for row in inside),
        )

    def reasons(
        self, window: CountWindow, reasons: Sequence[ReasonCount]
    ) -> tuple[ReasonCount, ...]:
        """Return why events were bad without those left out, most first."""
        gone: Counter[tuple[str, str]] = Counter()
        for row in self._inside(window):
            gone[row.outcome, row.reason] += row.total - row.good
        left = (
            replace(reason, events=reason.events - gone[reason.outcome, reason.reason])
            for reason in reasons
        )
        kept = [reason for reason in left if reason.events]
        return tuple(sorted(kept, key=lambda one: (-one.events, one.outcome, one.reason)))

    def course(
        self, window: CountWindow, step_ns: int, course: Sequence[CourseStep]
    ) -> tuple[CourseStep, ...]:
        """Return the steps of a course without what is left out."""
        good: Counter[int] = Counter()
        total: Counter[int] = Counter()
        for row in self._inside(window):
            start_ns = row.slot_ns - (row.slot_ns - window.start_ns) % step_ns
            good[start_ns] += row.good
            total[start_ns] += row.total
        return tuple(
            replace(
                step, good=step.good - good[step.start_ns], total=step.total - total[step.start_ns]
            )
            for step in course
        )

    def _inside(self, window: CountWindow) -> list[LeftOut]:
        return [row for row in self.rows if window.start_ns <= row.slot_ns < window.end_ns]


def adjust(
    reader: StoreReader, plan: Plan, rule: SloRule, window: CountWindow, *, facts_since_ns: int
) -> Adjusted:
    """Find what adjustments leave out of an SLO's window, and so of every window inside it.

    Stored facts tell, from `facts_since_ns` on. Of the time before only counts are left: there
    periods are cut to the slots that begin in them, and an adjustment with a condition leaves out
    nothing, which its use says.
    """
    named = [adjustment for adjustment in plan.adjustments if rule.name in adjustment.slos]
    # What ends later in the slot in which the window ends is counted, too.
    until_ns = floor_to(window.end_ns, MINUTE_NS) + MINUTE_NS
    touching = [
        (adjustment, periods_of(adjustment, window.start_ns, until_ns), inside)
        for adjustment in named
        if (inside := periods_of(adjustment, window.start_ns, window.end_ns))
    ]
    if not touching:
        return Adjusted()
    numbered = tuple(
        (start_ns, end_ns, number)
        for number, (_, periods, _) in enumerate(touching)
        for start_ns, end_ns in periods
    )
    conditions = tuple(adjustment.where for adjustment, _, _ in touching)
    border_ns = min(max(window.start_ns, facts_since_ns), window.end_ns)
    known = CountWindow(window.indicator, border_ns, window.end_ns)
    rows = reader.left_out(rule, known, numbered, conditions)
    if border_ns > window.start_ns:
        forgotten = CountWindow(window.indicator, window.start_ns, border_ns)
        unconditional = [period for period in numbered if conditions[period[2]] is None]
        rows = (*reader.left_out_counts(forgotten, unconditional), *rows)
    uses = tuple(
        AdjustmentUse(
            name=adjustment.name,
            reason=adjustment.reason,
            good=sum(row.good for row in rows if row.adjustment == number),
            total=sum(row.total for row in rows if row.adjustment == number),
            periods_ns=_length(inside),
            unread_ns=0 if adjustment.where is None else _length(inside, until_ns=border_ns),
        )
        for number, (adjustment, _, inside) in enumerate(touching)
    )
    return Adjusted(uses, rows, numbered, conditions)


def _length(periods: Sequence[tuple[int, int]], *, until_ns: int | None = None) -> int:
    """Return how much time the periods cover, overlaps once; they are in order.

    With `until_ns` only what lies before it.
    """
    covered = 0
    covered_until_ns = 0
    for start_ns, end_ns in periods:
        stop_ns = end_ns if until_ns is None else min(end_ns, until_ns)
        covered += max(0, stop_ns - max(start_ns, covered_until_ns))
        covered_until_ns = max(covered_until_ns, stop_ns)
    return covered
