"""Names of what the processor counts. All are increments since the last look."""

from __future__ import annotations

from enum import StrEnum


class Counter(StrEnum):
    """One thing that is counted; as a plain string it is the key in `Closed.counters`."""

    APPLIED = "processor.applied"
    """Spans judged for the first time."""
    DUPLICATE = "processor.duplicate"
    """Spans that were found only at closing to have been there before the process kept memory of
    the trace. Those found on arrival are in `AddResult.duplicates`."""
    LATE = "processor.late"
    """Of the applied ones: spans found only at closing to belong to a trace judged before. Those
    found on arrival are in `AddResult.late`."""
    LATE_UNVERIFIABLE = "processor.late_unverifiable"
    """Spans of a trace with stored facts whose other spans are gone: counted nowhere else."""
    CLOSED_COMPLETE = "processor.closed.complete"
    """Traces judged because they were whole and idle."""
    CLOSED_MAX_WAIT = "processor.closed.max_wait"
    """Traces judged because they had waited long enough."""
    CLOSED_MEMORY = "processor.closed.memory"
    """Traces judged before their time at the byte budget."""
    CLOSED_END = "processor.closed.end"
    """Traces judged because no more input comes."""
    REJUDGED = "processor.rejudged"
    """Traces judged again."""
    INCOMPLETE = "processor.incomplete_traces"
    """Traces judged with orphans in them, or before their time."""
    ORPHANS = "processor.orphans"
    """Spans whose named parent never arrived and is not excused."""
    CYCLES_CUT = "processor.cycles_cut"
    """Cycles of parent ids."""
    AMBIGUOUS = "processor.ambiguous"
    """Spans that two definitions of one priority would take; the first by name took them."""
    UNKNOWN_HAVING = "processor.unknown_having"
    """`having` predicates that could not be known, and so did not hold."""
    CONDITION_ERRORS = "processor.condition_errors"
    """Conditions that erred, once for each (definition, condition, span)."""
