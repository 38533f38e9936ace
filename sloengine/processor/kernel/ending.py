"""Traces that are judged, discarded or forgotten."""

from __future__ import annotations

from sloengine.jit import entry
from sloengine.processor.kernel.index import find_trace, span_at, trace_at
from sloengine.processor.kernel.layout import (
    AS_IT_STANDS,
    AT_ONCE,
    CAPTURE_BYTES,
    D_ARRIVAL,
    D_EARLIEST,
    D_FIRST,
    D_HI,
    D_LO,
    D_NUMBER,
    DUE,
    ELSEWHERE,
    FIRST,
    FORGOTTEN,
    HORIZON,
    J_AMBIGUOUS,
    J_HOW,
    J_INCOMPLETE,
    J_ORPHANS,
    J_STATUS,
    J_TRACE,
    J_UNKNOWN_HAVING,
    J_WORDS,
    JUDGED,
    JUDGED_HERE,
    LABEL,
    MAX_WAIT,
    MAY_WAIT,
    N_AMBIGUOUS,
    N_ASKED,
    N_FRESH,
    N_HERE,
    N_HOW,
    N_INCOMPLETE,
    N_LAST_POSITION,
    N_ORPHANS,
    N_RECHECK,
    N_REJUDGED,
    N_REOPENED,
    N_UNKNOWN_HAVING,
    NONE,
    NOT_WHOLE,
    OLDEST,
    P_VECTORS,
    PENDING_BYTES,
    RECENT_BYTES,
    RECENT_TRACES,
    REOPENED,
    S_META,
    T_BYTES,
    T_EARLIEST,
    T_FIRST_ARRIVAL,
    T_HI,
    T_LAST_ARRIVAL,
    T_LAST_POSITION,
    T_LO,
    T_NEWER,
)
from sloengine.processor.kernel.links import bring_near
from sloengine.processor.kernel.memory import ask_for, get, put
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
from sloengine.processor.kernel.spans import add_to, file_capture, next_of

_AHEAD = 12


@entry
def choose_due(st: int, due: int, size: int, now: int, judged: int) -> int:
    """Of traces that are due list in `judged` those to look at; put the others off."""
    chosen = 0
    for number in range(size):
        if number + _AHEAD < size:
            ask_for(trace_at(st, get(due, number + _AHEAD)))
            ask_for(trace_at(st, get(due, number + _AHEAD)) + 64)
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
def count_others(judged: int, size: int) -> tuple[int, int]:
    """Return how many traces are not whole, and how many the plain judge must look at."""
    not_whole = elsewhere = 0
    for number in range(size):
        status = get(judged + number * (8 * J_WORDS), J_STATUS)
        not_whole += status == NOT_WHOLE
        elsewhere += status == ELSEWHERE
    return not_whole, elsewhere


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
def describe(st: int, judged: int, size: int, replayed: int, out: int, sums: int) -> None:
    """List in `out` what the history asks of traces judged here for the first time.

    `out` has D_COLUMNS columns of `size` words; `sums` gets the first four. N_RECHECK: traces
    judged here that may have stored facts, for which those before the position `replayed` may.
    """
    asked = reopened = recheck = 0
    last = NONE
    for number in range(size):
        record = judged + number * (8 * J_WORDS)
        row = get(record, J_TRACE)
        trace = trace_at(st, row)
        last = max(last, get(trace, T_LAST_POSITION))
        is_here = get(record, J_STATUS) == JUDGED_HERE
        if state_of(trace) == REOPENED:
            reopened += 1
            recheck += is_here
        elif is_here:
            first = get(get(st, FIRST), row)
            recheck += first < replayed
            put(out, D_NUMBER * size + asked, number)
            put(out, D_HI * size + asked, get(trace, T_HI))
            put(out, D_LO * size + asked, get(trace, T_LO))
            put(out, D_FIRST * size + asked, first)
            put(out, D_ARRIVAL * size + asked, get(trace, T_FIRST_ARRIVAL))
            put(out, D_EARLIEST * size + asked, get(trace, T_EARLIEST))
            asked += 1
    put(sums, N_ASKED, asked)
    put(sums, N_REOPENED, reopened)
    put(sums, N_RECHECK, recheck)
    put(sums, N_LAST_POSITION, last)


@entry
def end_traces(
    st: int, plan: int, work: int, judged: int, size: int, tally: int, sums: int
) -> None:
    """Stop waiting for traces as J_STATUS says; count in `tally` the fresh spans that err.

    By vector, and only of traces that were judged by the kernel; of those are the other `sums`.
    """
    for number in range(size):
        record = judged + number * (8 * J_WORDS)
        if number % AT_ONCE == 0:
            bring_near(st, work, record, min(AT_ONCE, size - number))
        status, row = get(record, J_STATUS), get(record, J_TRACE)
        if status == NOT_WHOLE:
            continue
        trace = trace_at(st, row)
        is_ours = status == JUDGED_HERE
        if is_ours:
            add_to(sums, N_HERE, 1)
            add_to(sums, N_FRESH, fresh_of(trace))
            add_to(sums, N_INCOMPLETE, get(record, J_INCOMPLETE))
            add_to(sums, N_ORPHANS, get(record, J_ORPHANS))
            add_to(sums, N_AMBIGUOUS, get(record, J_AMBIGUOUS))
            add_to(sums, N_UNKNOWN_HAVING, get(record, J_UNKNOWN_HAVING))
            add_to(sums, N_HOW + get(record, J_HOW), 1)
            if state_of(trace) == REOPENED:
                add_to(sums, N_REJUDGED, 1)
        stop_waiting(st, row)
        if status == FORGOTTEN:
            free_trace(st, row)
            continue
        mark_seen(st, row, get(plan, P_VECTORS), tally if is_ours else 0)
        set_state(trace, JUDGED)
        handle_with_care(trace)
        remember(st, row)


@entry
def forget_judged(st: int, now: int, limit: int, room: int) -> None:
    """Forget the oldest verdicts: those beyond the horizon, the number and the bytes."""
    while get(st, OLDEST) >= 0:
        row = get(st, OLDEST)
        is_late = get(trace_at(st, row), T_LAST_ARRIVAL) + get(st, HORIZON) < now
        if not (is_late or get(st, RECENT_TRACES) > limit or get(st, RECENT_BYTES) > room):
            return
        following = get(trace_at(st, row), T_NEWER)
        if following >= 0:
            ask_for(trace_at(st, following))
            ask_for(trace_at(st, following) + 64)
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
