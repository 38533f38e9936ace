"""Traces that are judged, discarded or forgotten."""

from __future__ import annotations

from sloengine.jit import entry
from sloengine.processor.kernel.index import find_trace, span_at, trace_at
from sloengine.processor.kernel.layout import (
    AS_IT_STANDS,
    CAPTURE_BYTES,
    DUE,
    FORGOTTEN,
    HORIZON,
    J_HOW,
    J_STATUS,
    J_TRACE,
    J_WORDS,
    JUDGED,
    JUDGED_HERE,
    LABEL,
    MAX_WAIT,
    MAY_WAIT,
    NONE,
    NOT_WHOLE,
    OLDEST,
    P_VECTORS,
    PENDING_BYTES,
    RECENT_BYTES,
    RECENT_TRACES,
    S_META,
    T_BYTES,
    T_FIRST_ARRIVAL,
    T_LAST_ARRIVAL,
)
from sloengine.processor.kernel.memory import get, put
from sloengine.processor.kernel.rows import (
    deadline_of,
    free_trace,
    fresh_of,
    handle_with_care,
    head_of,
    mark_seen,
    recall,
    remember,
    set_state,
    state_of,
    stop_waiting,
)
from sloengine.processor.kernel.spans import file_capture, next_of


@entry
def choose_due(st: int, due: int, size: int, now: int, judged: int) -> int:
    """Of traces that are due list in `judged` those to look at; put the others off."""
    chosen = 0
    for number in range(size):
        row = get(due, number)
        trace = trace_at(st, row)
        deadline = deadline_of(st, trace)
        if deadline > now:
            put(get(st, DUE), row, deadline)
            continue
        record = judged + chosen * (8 * J_WORDS)
        put(record, J_TRACE, row)
        is_expired = now >= get(trace, T_FIRST_ARRIVAL) + get(st, MAX_WAIT)
        put(record, J_HOW, AS_IT_STANDS if is_expired else MAY_WAIT)
        chosen += 1
    return chosen


@entry
def put_off(st: int, judged: int, size: int) -> None:
    """Let traces that are not whole wait as long as any may."""
    for number in range(size):
        record = judged + number * (8 * J_WORDS)
        if get(record, J_STATUS) == NOT_WHOLE:
            row = get(record, J_TRACE)
            trace = trace_at(st, row)
            put(get(st, DUE), row, get(trace, T_FIRST_ARRIVAL) + get(st, MAX_WAIT))
            handle_with_care(trace)


@entry
def end_traces(st: int, plan: int, judged: int, size: int, tally: int) -> int:
    """Stop waiting for traces as J_STATUS says; count in `tally` the fresh spans that err.

    By vector, and only of traces that were judged by the kernel. Return how many spans were fresh
    in those.
    """
    fresh = 0
    for number in range(size):
        record = judged + number * (8 * J_WORDS)
        status, row = get(record, J_STATUS), get(record, J_TRACE)
        if status == NOT_WHOLE:
            continue
        stop_waiting(st, row)
        if status == FORGOTTEN:
            free_trace(st, row)
            continue
        is_ours = status == JUDGED_HERE
        if is_ours:
            fresh += fresh_of(trace_at(st, row))
        mark_seen(st, row, get(plan, P_VECTORS), tally if is_ours else 0)
        set_state(trace_at(st, row), JUDGED)
        handle_with_care(trace_at(st, row))
        remember(st, row)
    return fresh


@entry
def forget_judged(st: int, now: int, limit: int, room: int) -> None:
    """Forget the oldest verdicts: those beyond the horizon, the number and the bytes."""
    while get(st, OLDEST) >= 0:
        row = get(st, OLDEST)
        is_late = get(trace_at(st, row), T_LAST_ARRIVAL) + get(st, HORIZON) < now
        if not (is_late or get(st, RECENT_TRACES) > limit or get(st, RECENT_BYTES) > room):
            return
        recall(st, row)
        free_trace(st, row)


@entry
def discard(st: int, high: int, low: int) -> None:
    """Stop waiting for a trace, if it is pending."""
    row = find_trace(st, high, low)
    if row >= 0 and state_of(trace_at(st, row)) != JUDGED:
        stop_waiting(st, row)
        free_trace(st, row)


@entry
def spans_of(st: int, row: int, out: int) -> int:
    """List the rows of a trace's spans; `out` has room for all."""
    found = head_of(trace_at(st, row))
    size = 0
    while found >= 0:
        put(out, size, found)
        size += 1
        found = next_of(span_at(st, found))
    return size


@entry
def attach_labels(st: int, labels: int, size: int, service: int, name: int) -> None:
    """Give spans of pending traces service and name as captured values.

    `labels` has four words for each: trace, span, and what the two weigh; the last two are
    replaced by the rows of the values, or NONE where the span has them already.
    """
    for number in range(size):
        record = labels + number * 32
        span = span_at(st, get(record, 1))
        if get(span, S_META) & LABEL != 0:
            put(record, 2, NONE)
            put(record, 3, NONE)
            continue
        trace = trace_at(st, get(record, 0))
        put(span, S_META, get(span, S_META) | LABEL)
        weight = get(record, 2) + get(record, 3) + 2 * CAPTURE_BYTES
        put(trace, T_BYTES, get(trace, T_BYTES) + weight)
        put(st, PENDING_BYTES, get(st, PENDING_BYTES) + weight)
        put(record, 2, file_capture(st, span, service << 2, get(record, 2)))
        put(record, 3, file_capture(st, span, name << 2, get(record, 3)))
