"""Rows of a batch into pending traces."""

from __future__ import annotations

from sloengine.jit import entry, inlined, part
from sloengine.processor.kernel.index import (
    above,
    ask_for_traces,
    find_trace,
    signature,
    span_at,
    times_at,
    trace_at,
)
from sloengine.processor.kernel.layout import (
    B_ARRIVAL,
    B_CAPTURE_AT,
    B_CAPTURE_PLACE,
    B_CAPTURE_ROW,
    B_CAPTURE_WEIGHT,
    B_CAPTURE_WHAT,
    B_CAPTURES,
    B_END_NS,
    B_FIRST_ROW,
    B_FIRST_ROWS,
    B_KIND,
    B_PARENT_ID,
    B_POSITION,
    B_ROWS,
    B_SLOT,
    B_SPAN_ID,
    B_START_NS,
    B_TRACE_HI,
    B_TRACE_LO,
    B_VECTOR,
    B_WEIGHT,
    BIG,
    BIG_COUNT,
    BIG_MASK,
    CAPTURE_BYTES,
    CROWDED,
    DONE,
    DUE,
    DUPLICATES,
    FIRST,
    FRESH,
    HOLDER,
    HORIZON,
    I_END,
    I_START,
    JUDGED,
    LABEL,
    LATE,
    LIVE,
    LONGEST,
    LOW,
    NEXT_AT,
    NEXT_MASK,
    NONE,
    PENDING,
    PENDING_BYTES,
    PENDING_SPANS,
    REOPENED,
    REPLACES,
    S_FROM,
    S_ID,
    S_META,
    S_PARENT,
    SPAN_BYTES,
    STALE,
    T_BYTES,
    T_COUNT,
    T_FIRST_ARRIVAL,
    T_HEAD,
    T_HELD,
    T_LAST_ARRIVAL,
    T_LAST_POSITION,
    T_ORIGIN,
    T_SIGNATURE,
    TIED,
    UNDECIDED,
    UNKNOWN,
    UNSURE,
    VECTOR_AT,
    WITH_CARE,
)
from sloengine.processor.kernel.memory import get, get_i32, get_u8, put
from sloengine.processor.kernel.rows import (
    begin_to_wait,
    deadline_of,
    find_span,
    flag_trace,
    free_trace,
    new_span,
    new_trace,
    note_start,
    recall,
    state_of,
)
from sloengine.processor.kernel.spans import (
    add_to,
    captures_of,
    file_capture,
    free_captures,
    let_go,
    span_row,
    stack_rows,
    vector_of,
)

_LESS, _SAME, _GREATER = range(3)


@entry
def add_rows(st: int, start: int, decision: int) -> tuple[int, int]:
    """Take in the rows of a batch from `start` on; `decision` is that of a tie in this first row.

    Return the row to go on with, and why: all is done; the row is tied with HOLDER, and the values
    decide; or the index of spans must grow.
    """
    stack_rows(st, get(st, B_ROWS) - start)
    if start == 0:
        ask_for_traces(st, get(st, B_FIRST_ROW), get(st, B_FIRST_ROWS))
    highs, lows, ids = get(st, B_TRACE_HI), get(st, B_TRACE_LO), get(st, B_SPAN_ID)
    row = NONE
    high = low = joined = 0
    captured = _next_captured(st)
    for index in range(start, get(st, B_ROWS)):
        if row < 0 or get(highs, index) != high or get(lows, index) != low:
            high, low = get(highs, index), get(lows, index)
            row = find_trace(st, high, low)
            if row < 0:
                row = _begin_trace(st, high, low)
        trace = trace_at(st, row)
        span_id = get(ids, index)
        if (
            get(trace, T_HEAD) < WITH_CARE
            and get(trace, T_SIGNATURE) & signature(st, span_id) == 0
            and get(trace, T_COUNT) < BIG
        ):
            span = _join(st, index, row, trace, span_id)
            joined += 1
            if captured == index:
                _file_captures(st, index, trace, span)
                captured = _next_captured(st)
            continue
        if get(st, BIG_COUNT) + BIG + 1 > get(st, BIG_MASK) >> 1:
            _count_joined(st, joined)
            return index, CROWDED
        row, status = _add_row(st, index, row, high, low, decision)
        if status == TIED:
            _count_joined(st, joined)
            return index, TIED
        decision = UNDECIDED
        captured = _next_captured(st)
    _count_joined(st, joined)
    return get(st, B_ROWS), DONE


@inlined
def _next_captured(st: int) -> int:
    """Return the next row with captured values, or NONE."""
    place = get(st, B_CAPTURE_AT)
    return get_i32(get(st, B_CAPTURE_ROW), place) if place < get(st, B_CAPTURES) else NONE


@part
def _begin_trace(st: int, high: int, low: int) -> int:
    row = new_trace(st, high, low)
    position = get(st, B_POSITION)
    begin_to_wait(st, row, PENDING, position, position, get(st, B_ARRIVAL))
    return row


@inlined
def _join(st: int, index: int, row: int, trace: int, span_id: int) -> int:
    """Put a span into a trace that waits for the first time, and has none of its id."""
    found = span_row(st)
    span, times = span_at(st, found), times_at(st, found)
    kind = get_u8(get(st, B_KIND), index)
    vector = get_i32(get(st, B_VECTOR), index)
    started = get(get(st, B_START_NS), index)
    put(span, S_ID, span_id)
    put(span, S_PARENT, get(get(st, B_PARENT_ID), index))
    put(span, S_META, vector << VECTOR_AT | get(trace, T_HEAD) << NEXT_AT | FRESH | kind)
    put(span, S_FROM, get(st, B_SLOT) << 32 | index)
    put(times, I_START, started)
    put(times, I_END, get(get(st, B_END_NS), index))
    put(trace, T_HEAD, found + 1)
    put(trace, T_SIGNATURE, get(trace, T_SIGNATURE) | signature(st, span_id))
    put(trace, T_COUNT, get(trace, T_COUNT) + 1)
    note_start(trace, started)
    if get(st, B_WEIGHT) > 0:
        put(trace, T_HELD, get(trace, T_HELD) + get(st, B_WEIGHT))
    position, arrival = get(st, B_POSITION), get(st, B_ARRIVAL)
    if position >= get(trace, T_LAST_POSITION) and arrival >= get(trace, T_LAST_ARRIVAL):
        put(trace, T_LAST_POSITION, position)
        put(trace, T_LAST_ARRIVAL, arrival)
    else:
        _touch(st, row, trace)
    return span


@inlined
def _count_joined(st: int, joined: int) -> None:
    """Make up for what `_join` leaves out, which is the same for each span."""
    add_to(st, PENDING_SPANS, joined)
    add_to(st, PENDING_BYTES, joined * (SPAN_BYTES + get(st, B_WEIGHT)))
    slot, live = get(st, B_SLOT), get(st, LIVE)
    put(live, slot, get(live, slot) + joined)
    if joined > 0 and get(st, LONGEST) < BIG:
        put(st, LONGEST, BIG)


@part
def _add_row(st: int, index: int, row: int, high: int, low: int, decision: int) -> tuple[int, int]:
    """Put a row into a trace, whatever that takes."""
    span_id = get(get(st, B_SPAN_ID), index)
    kind = get_u8(get(st, B_KIND), index)
    order = _LESS
    trace = trace_at(st, row)
    is_judged = state_of(trace) == JUDGED
    if is_judged and get(trace, T_LAST_ARRIVAL) + get(st, HORIZON) < get(st, B_ARRIVAL):
        row, trace, is_judged = _begin_anew(st, row, high, low)
    holder = find_span(st, row, trace, span_id, kind)
    if holder >= 0:
        order = _compare(st, index, holder)
        if order == _SAME:
            if decision == UNDECIDED:
                if not (is_judged and _say_the_same(st, index, holder)):
                    put(st, HOLDER, holder)
                    return row, TIED
                order = _LESS
            elif decision == REPLACES:
                order = _GREATER
            elif decision == UNKNOWN and is_judged:
                row, trace, is_judged = _begin_anew(st, row, high, low)
                holder = NONE
            elif decision == UNKNOWN:
                flag_trace(trace, UNSURE)
                order = _GREATER
    if is_judged:
        if holder >= 0 and order != _GREATER:
            _skip_captures(st, index)
            add_to(st, DUPLICATES, 1)
            return row, DONE
        recall(st, row)
        origin = get(trace, T_ORIGIN)
        begin_to_wait(st, row, REOPENED, origin, get(st, B_POSITION), get(st, B_ARRIVAL))
    vector = get_i32(get(st, B_VECTOR), index)
    if holder < 0:
        holder = new_span(st, row, span_id, vector, kind)
        put(trace, T_HELD, get(trace, T_HELD) + get(st, B_WEIGHT))
        add_to(st, PENDING_BYTES, get(st, B_WEIGHT))
        _fill(st, index, trace, holder)
        if state_of(trace) == REOPENED:
            add_to(st, LATE, 1)
    else:
        add_to(st, DUPLICATES, 1)
        if order == _GREATER:
            span = span_at(st, holder)
            let_go(st, span)
            freed = free_captures(st, span)
            put(trace, T_BYTES, get(trace, T_BYTES) - freed)
            add_to(st, PENDING_BYTES, -freed)
            kept = get(span, S_META) & (NEXT_MASK << NEXT_AT | FRESH)
            put(span, S_META, vector << VECTOR_AT | kept | kind)
            flag_trace(trace, STALE)
            _fill(st, index, trace, holder)
        else:
            _skip_captures(st, index)
    _touch(st, row, trace)
    if state_of(trace) == PENDING:
        # It is not put off any more.
        put(trace, T_HEAD, get(trace, T_HEAD) & LOW)
    return row, DONE


@inlined
def _begin_anew(st: int, row: int, high: int, low: int) -> tuple[int, int, bool]:
    """Forget a verdict, and wait for the trace as if there had been none."""
    recall(st, row)
    free_trace(st, row)
    row = _begin_trace(st, high, low)
    return row, trace_at(st, row), False


@inlined
def _compare(st: int, index: int, holder: int) -> int:
    """Compare a row with the one that is there by (end, start, parent)."""
    times = times_at(st, holder)
    mine, theirs = get(get(st, B_END_NS), index), get(times, I_END)
    if mine == theirs:
        mine, theirs = get(get(st, B_START_NS), index), get(times, I_START)
        if mine == theirs:
            mine, theirs = get(get(st, B_PARENT_ID), index), get(span_at(st, holder), S_PARENT)
            if mine == theirs:
                return _SAME
    return _GREATER if above(mine, theirs) else _LESS


@part
def _say_the_same(st: int, index: int, holder: int) -> bool:
    """Whether the verdict that stands cannot depend on which of two rows it rests on."""
    span = span_at(st, holder)
    if captures_of(span) >= 0 or get(span, S_META) & LABEL != 0:
        return False
    if vector_of(span) != get_i32(get(st, B_VECTOR), index):
        return False
    _skip_captures_before(st, index)
    place = get(st, B_CAPTURE_AT)
    return place >= get(st, B_CAPTURES) or get_i32(get(st, B_CAPTURE_ROW), place) != index


@part
def _fill(st: int, index: int, trace: int, row: int) -> None:
    """Write what a row says into a span's record that holds no captured values."""
    span, times = span_at(st, row), times_at(st, row)
    put(span, S_PARENT, get(get(st, B_PARENT_ID), index))
    started = get(get(st, B_START_NS), index)
    put(times, I_START, started)
    put(times, I_END, get(get(st, B_END_NS), index))
    note_start(trace, started)
    slot = get(st, B_SLOT)
    put(span, S_FROM, slot << 32 | index)
    put(get(st, LIVE), slot, get(get(st, LIVE), slot) + 1)
    _skip_captures_before(st, index)
    _file_captures(st, index, trace, span)


@part
def _file_captures(st: int, index: int, trace: int, span: int) -> None:
    """Give a span the captured values of its row."""
    place = get(st, B_CAPTURE_AT)
    added = 0
    while place < get(st, B_CAPTURES) and get_i32(get(st, B_CAPTURE_ROW), place) == index:
        weight = get(get(st, B_CAPTURE_WEIGHT), place)
        found = file_capture(st, span, get(get(st, B_CAPTURE_WHAT), place), weight)
        put(get(st, B_CAPTURE_PLACE), place, found)
        added += CAPTURE_BYTES + weight
        place += 1
    put(st, B_CAPTURE_AT, place)
    if added > 0:
        put(trace, T_BYTES, get(trace, T_BYTES) + added)
        add_to(st, PENDING_BYTES, added)


@inlined
def _skip_captures_before(st: int, index: int) -> None:
    place = get(st, B_CAPTURE_AT)
    while place < get(st, B_CAPTURES) and get_i32(get(st, B_CAPTURE_ROW), place) < index:
        place += 1
    put(st, B_CAPTURE_AT, place)


@inlined
def _skip_captures(st: int, index: int) -> None:
    _skip_captures_before(st, index + 1)


@inlined
def _touch(st: int, row: int, trace: int) -> None:
    """Note when and from where spans of a pending trace came."""
    position, arrival = get(st, B_POSITION), get(st, B_ARRIVAL)
    first = get(st, FIRST)
    if position < get(first, row):
        put(first, row, position)
        put(trace, T_ORIGIN, min(get(trace, T_ORIGIN), position))
    if position > get(trace, T_LAST_POSITION):
        put(trace, T_LAST_POSITION, position)
    if arrival < get(trace, T_FIRST_ARRIVAL):
        put(trace, T_FIRST_ARRIVAL, arrival)
    if arrival > get(trace, T_LAST_ARRIVAL):
        put(trace, T_LAST_ARRIVAL, arrival)
    deadline = deadline_of(st, trace)
    if deadline < get(get(st, DUE), row):
        put(get(st, DUE), row, deadline)
