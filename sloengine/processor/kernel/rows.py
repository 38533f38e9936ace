"""Rows of traces, and what they hold: taken, found, freed."""

from __future__ import annotations

from sloengine.jit import inlined, part
from sloengine.processor.kernel.index import (
    above,
    enter_big,
    enter_trace,
    find_big,
    signature,
    span_at,
    take_out_big,
    take_out_trace,
    trace_at,
)
from sloengine.processor.kernel.layout import (
    BIG,
    CHAINS,
    DUE,
    FIRST,
    FREE,
    FREE_CHAINS,
    FRESH,
    HAS_ERRORS,
    IDLE_WAIT,
    JUDGED,
    KIND,
    LONGEST,
    LOW,
    MAX_WAIT,
    NEVER,
    NEWEST,
    NEXT_AT,
    NONE,
    OLDEST,
    PENDING_BYTES,
    PENDING_SPANS,
    PENDING_TRACES,
    RECENT_BYTES,
    RECENT_TRACES,
    REOPENED,
    S_FROM,
    S_ID,
    S_META,
    SPAN_BYTES,
    SPANS_FREE_COUNT,
    STATE,
    T_BYTES,
    T_COUNT,
    T_EARLIEST,
    T_FIRST_ARRIVAL,
    T_HEAD,
    T_HELD,
    T_HI,
    T_LAST_ARRIVAL,
    T_LAST_POSITION,
    T_LO,
    T_NEWER,
    T_OLDER,
    T_ORIGIN,
    T_SEEN,
    T_SIGNATURE,
    T_STATE,
    TRACE_BYTES,
    TRACES_FREE,
    TRACES_FREE_COUNT,
    TRACES_USED,
    V_FLAGS,
    V_WORDS,
    VECTOR_AT,
    WITH_CARE,
)
from sloengine.processor.kernel.memory import (
    ask_for,
    get,
    put,
)
from sloengine.processor.kernel.spans import (
    add_to,
    free_captures,
    let_go,
    next_of,
    span_row,
)


@inlined
def size_of(trace: int) -> int:
    """Return what a trace weighs in all."""
    return TRACE_BYTES + get(trace, T_COUNT) * SPAN_BYTES + get(trace, T_BYTES) + get(trace, T_HELD)


@inlined
def head_of(trace: int) -> int:
    """Return the first span of a trace, or NONE."""
    return (get(trace, T_HEAD) & LOW) - 1


@inlined
def deadline_of(st: int, trace: int) -> int:
    """Return when a trace that gets no more spans is to be looked at."""
    idle = get(trace, T_LAST_ARRIVAL) + get(st, IDLE_WAIT)
    return min(idle, get(trace, T_FIRST_ARRIVAL) + get(st, MAX_WAIT))


@inlined
def fresh_of(trace: int) -> int:
    """Return how many spans of a trace no verdict has seen."""
    return get(trace, T_COUNT) - get(trace, T_SEEN)


@inlined
def state_of(trace: int) -> int:
    """Return FREE, PENDING, REOPENED or JUDGED."""
    return get(trace, T_STATE) & STATE


@inlined
def set_state(trace: int, state: int) -> None:
    """Change the state of a trace, not its flags."""
    put(trace, T_STATE, (get(trace, T_STATE) & ~STATE) | state)


@inlined
def flag_trace(trace: int, flag: int) -> None:
    """Set a flag beside the state of a trace."""
    put(trace, T_STATE, get(trace, T_STATE) | flag)


@inlined
def handle_with_care(trace: int) -> None:
    """Have further spans do more than join a trace."""
    put(trace, T_HEAD, get(trace, T_HEAD) | WITH_CARE)


@part
def new_trace(st: int, high: int, low: int) -> int:
    """Take a row for a trace that is not there; it holds nothing, and waits for nothing."""
    row = get(st, TRACES_FREE)
    if row >= 0:
        following = get(trace_at(st, row), T_NEWER)
        put(st, TRACES_FREE, following)
        add_to(st, TRACES_FREE_COUNT, -1)
        if following >= 0:
            ask_for(trace_at(st, following))
            ask_for(trace_at(st, following) + 64)
    else:
        row = get(st, TRACES_USED)
        put(st, TRACES_USED, row + 1)
    trace = trace_at(st, row)
    put(trace, T_HI, high)
    put(trace, T_LO, low)
    put(trace, T_HEAD, 0)
    put(trace, T_COUNT, 0)
    put(trace, T_SIGNATURE, 0)
    put(trace, T_EARLIEST, NONE)
    put(trace, T_STATE, FREE)
    put(trace, T_BYTES, 0)
    put(trace, T_HELD, 0)
    put(trace, T_SEEN, 0)
    enter_trace(st, row, high, low)
    return row


@part
def begin_to_wait(st: int, row: int, state: int, origin: int, position: int, arrival: int) -> None:
    """Make a trace pending; what it holds already counts as pending."""
    trace = trace_at(st, row)
    set_state(trace, state)
    if state == REOPENED:
        handle_with_care(trace)
    put(trace, T_ORIGIN, origin)
    put(trace, T_LAST_POSITION, position)
    put(trace, T_FIRST_ARRIVAL, arrival)
    put(trace, T_LAST_ARRIVAL, arrival)
    put(get(st, FIRST), row, position)
    put(get(st, DUE), row, deadline_of(st, trace))
    add_to(st, PENDING_TRACES, 1)
    add_to(st, PENDING_BYTES, size_of(trace))


@part
def stop_waiting(st: int, row: int) -> None:
    """Make a trace pending no more."""
    trace = trace_at(st, row)
    put(get(st, FIRST), row, NEVER)
    put(get(st, DUE), row, NEVER)
    add_to(st, PENDING_TRACES, -1)
    add_to(st, PENDING_SPANS, -fresh_of(trace))
    add_to(st, PENDING_BYTES, -size_of(trace))


@inlined
def find_span(st: int, row: int, trace: int, span_id: int, kind: int) -> int:
    """Return the row of a span of a trace, or NONE."""
    if get(trace, T_SIGNATURE) & signature(st, span_id) == 0:
        return NONE
    if get(trace, T_COUNT) > BIG:
        return find_big(st, row, span_id, kind)
    found = head_of(trace)
    while found >= 0:
        span = span_at(st, found)
        if get(span, S_ID) == span_id and get(span, S_META) & KIND == kind:
            return found
        found = next_of(span)
    return NONE


@part
def new_span(st: int, row: int, span_id: int, vector: int, kind: int) -> int:
    """Take a row for a span that its pending trace does not hold; the rest is left to fill in."""
    found = span_row(st)
    span, trace = span_at(st, found), trace_at(st, row)
    head = get(trace, T_HEAD)
    put(span, S_ID, span_id)
    put(span, S_META, vector << VECTOR_AT | (head & LOW) << NEXT_AT | FRESH | kind)
    put(span, S_FROM, NONE)
    put(trace, T_HEAD, (head & ~LOW) | (found + 1))
    put(trace, T_SIGNATURE, get(trace, T_SIGNATURE) | signature(st, span_id))
    count = get(trace, T_COUNT) + 1
    put(trace, T_COUNT, count)
    add_to(st, PENDING_SPANS, 1)
    add_to(st, PENDING_BYTES, SPAN_BYTES)
    if count > get(st, LONGEST):
        put(st, LONGEST, count)
    if count > BIG:
        enter_big(st, row, found)
        if count == BIG + 1:
            other = next_of(span)
            while other >= 0:
                enter_big(st, row, other)
                other = next_of(span_at(st, other))
    return found


@inlined
def note_start(trace: int, start: int) -> None:
    """Note when a span of a trace started."""
    if above(get(trace, T_EARLIEST), start):
        put(trace, T_EARLIEST, start)


@part
def remember(st: int, row: int) -> None:
    """Keep a trace that waits no more as the one that was judged last."""
    trace = trace_at(st, row)
    newest = get(st, NEWEST)
    put(trace, T_OLDER, newest)
    put(trace, T_NEWER, NONE)
    if newest >= 0:
        put(trace_at(st, newest), T_NEWER, row)
    else:
        put(st, OLDEST, row)
    put(st, NEWEST, row)
    add_to(st, RECENT_TRACES, 1)
    add_to(st, RECENT_BYTES, size_of(trace))


@part
def recall(st: int, row: int) -> None:
    """Take a trace out of the judged ones."""
    trace = trace_at(st, row)
    older, newer = get(trace, T_OLDER), get(trace, T_NEWER)
    if older >= 0:
        put(trace_at(st, older), T_NEWER, newer)
    else:
        put(st, OLDEST, newer)
    if newer >= 0:
        put(trace_at(st, newer), T_OLDER, older)
    else:
        put(st, NEWEST, older)
    add_to(st, RECENT_TRACES, -1)
    add_to(st, RECENT_BYTES, -size_of(trace))


@part
def free_trace(st: int, row: int) -> None:
    """Free a trace that is neither pending nor among the judged ones, and all it holds."""
    trace = trace_at(st, row)
    if state_of(trace) != JUDGED or get(trace, T_BYTES) > 0 or get(trace, T_COUNT) > BIG:
        _empty_spans(st, row, trace)
    # The whole chain at once, without a look at each.
    head = head_of(trace)
    if head >= 0:
        put(get(st, FREE_CHAINS), get(st, CHAINS), head)
        add_to(st, CHAINS, 1)
        add_to(st, SPANS_FREE_COUNT, get(trace, T_COUNT))
    take_out_trace(st, row)
    put(trace, T_STATE, FREE)
    put(trace, T_NEWER, get(st, TRACES_FREE))
    put(st, TRACES_FREE, row)
    add_to(st, TRACES_FREE_COUNT, 1)


@part
def _empty_spans(st: int, row: int, trace: int) -> None:
    """Take away all that spans hold outside their records."""
    is_big = get(trace, T_COUNT) > BIG
    found = head_of(trace)
    while found >= 0:
        span = span_at(st, found)
        if is_big:
            take_out_big(st, row, found)
        let_go(st, span)
        free_captures(st, span)
        found = next_of(span)


@part
def mark_seen(st: int, row: int, vectors: int, tally: int) -> None:
    """After a verdict: no span is fresh, none needs its batch.

    Count in `tally`, where it is not 0, the fresh spans that err, by vector.
    """
    trace = trace_at(st, row)
    found = head_of(trace)
    while found >= 0:
        span = span_at(st, found)
        meta = get(span, S_META)
        if meta & FRESH != 0:
            put(span, S_META, meta & ~FRESH)
            if tally != 0:
                vector = meta >> VECTOR_AT
                if get(vectors + vector * (8 * V_WORDS), V_FLAGS) & HAS_ERRORS != 0:
                    put(tally, vector, get(tally, vector) + 1)
        let_go(st, span)
        found = next_of(span)
    put(trace, T_SEEN, get(trace, T_COUNT))
    put(trace, T_HELD, 0)
