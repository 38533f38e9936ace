"""Rows of a batch into pending traces."""

from __future__ import annotations

from sloengine.jit import entry, inlined, part
from sloengine.processor.kernel.index import above, find_trace, span_at, trace_at
from sloengine.processor.kernel.layout import (
    B_ARRIVAL,
    B_CAPTURE_AT,
    B_CAPTURE_PLACE,
    B_CAPTURE_ROW,
    B_CAPTURE_WEIGHT,
    B_CAPTURE_WHAT,
    B_CAPTURES,
    B_END_NS,
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
    C_NEXT,
    C_WEIGHT,
    C_WHAT,
    CAPTURE_BYTES,
    CAPTURE_WORDS,
    CAPTURES,
    CROWDED,
    DONE,
    DUE,
    DUPLICATES,
    FIRST,
    FRESH,
    HOLDER,
    HORIZON,
    JUDGED,
    LABEL,
    LATE,
    LIVE,
    NONE,
    PENDING,
    PENDING_BYTES,
    REOPENED,
    REPLACES,
    S_CAPTURES,
    S_END,
    S_FROM,
    S_META,
    S_PARENT,
    S_START,
    T_BYTES,
    T_FIRST_ARRIVAL,
    T_HELD,
    T_LAST_ARRIVAL,
    T_LAST_POSITION,
    T_ORIGIN,
    T_STATE,
    T_UNSURE,
    TIED,
    UNDECIDED,
    UNKNOWN,
)
from sloengine.processor.kernel.memory import get, get_i32, get_u8, put
from sloengine.processor.kernel.rows import (
    add_to,
    begin_to_wait,
    deadline_of,
    find_span,
    free_captures,
    free_trace,
    let_go,
    new_capture,
    new_span,
    new_trace,
    recall,
)

_LESS, _SAME, _GREATER = range(3)


@entry
def add_rows(st: int, start: int, decision: int) -> tuple[int, int]:
    """Take in the rows of a batch from `start` on; `decision` is that of a tie in this first row.

    Return the row to go on with, and why: all is done; the row is tied with HOLDER, and the values
    decide; or the index of spans must grow.
    """
    row = NONE
    high = low = 0
    for index in range(start, get(st, B_ROWS)):
        if get(st, BIG_COUNT) + BIG + 1 > get(st, BIG_MASK) >> 1:
            return index, CROWDED
        this_high, this_low = get(get(st, B_TRACE_HI), index), get(get(st, B_TRACE_LO), index)
        if row < 0 or this_high != high or this_low != low:
            high, low = this_high, this_low
            row = find_trace(st, high, low)
        row, status = _add_row(st, index, row, high, low, decision)
        if status == TIED:
            return index, TIED
        decision = UNDECIDED
    return get(st, B_ROWS), DONE


@inlined
def _add_row(st: int, index: int, row: int, high: int, low: int, decision: int) -> tuple[int, int]:
    span_id = get(get(st, B_SPAN_ID), index)
    kind = get_u8(get(st, B_KIND), index)
    holder = NONE
    order = _LESS
    if row >= 0:
        trace = trace_at(st, row)
        is_judged = get(trace, T_STATE) == JUDGED
        if is_judged and get(trace, T_LAST_ARRIVAL) + get(st, HORIZON) < get(st, B_ARRIVAL):
            _forget(st, row)
            row = NONE
        else:
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
                        _forget(st, row)
                        row = NONE
                        holder = NONE
                    elif decision == UNKNOWN:
                        put(trace, T_UNSURE, 1)
                        order = _GREATER
            if row >= 0 and is_judged:
                if holder >= 0 and order != _GREATER:
                    _skip_captures(st, index)
                    add_to(st, DUPLICATES, 1)
                    return row, DONE
                recall(st, row)
                origin = get(trace, T_ORIGIN)
                begin_to_wait(st, row, REOPENED, origin, get(st, B_POSITION), get(st, B_ARRIVAL))
    if row < 0:
        row = new_trace(st, high, low)
        position = get(st, B_POSITION)
        begin_to_wait(st, row, PENDING, position, position, get(st, B_ARRIVAL))
    trace = trace_at(st, row)
    if holder < 0:
        meta = get_i32(get(st, B_VECTOR), index) << 32 | FRESH | kind
        holder = new_span(st, row, span_id, meta)
        span = span_at(st, holder)
        put(trace, T_HELD, get(trace, T_HELD) + get(st, B_WEIGHT))
        add_to(st, PENDING_BYTES, get(st, B_WEIGHT))
        _fill(st, index, trace, span)
        if get(trace, T_STATE) == REOPENED:
            add_to(st, LATE, 1)
    else:
        add_to(st, DUPLICATES, 1)
        if order == _GREATER:
            span = span_at(st, holder)
            freed = free_captures(st, span)
            put(trace, T_BYTES, get(trace, T_BYTES) - freed)
            add_to(st, PENDING_BYTES, -freed)
            let_go(st, span)
            meta = get_i32(get(st, B_VECTOR), index) << 32 | (get(span, S_META) & FRESH) | kind
            put(span, S_META, meta)
            _fill(st, index, trace, span)
        else:
            _skip_captures(st, index)
    _touch(st, row, trace)
    return row, DONE


@inlined
def _compare(st: int, index: int, holder: int) -> int:
    """Compare a row with the one that is there by (end, start, parent)."""
    span = span_at(st, holder)
    mine, theirs = get(get(st, B_END_NS), index), get(span, S_END)
    if mine == theirs:
        mine, theirs = get(get(st, B_START_NS), index), get(span, S_START)
        if mine == theirs:
            mine, theirs = get(get(st, B_PARENT_ID), index), get(span, S_PARENT)
            if mine == theirs:
                return _SAME
    return _GREATER if above(mine, theirs) else _LESS


@part
def _say_the_same(st: int, index: int, holder: int) -> bool:
    """Whether the verdict that stands cannot depend on which of two rows it rests on."""
    span = span_at(st, holder)
    if get(span, S_CAPTURES) >= 0 or get(span, S_META) & LABEL != 0:
        return False
    if get(span, S_META) >> 32 != get_i32(get(st, B_VECTOR), index):
        return False
    _skip_captures_before(st, index)
    place = get(st, B_CAPTURE_AT)
    return place >= get(st, B_CAPTURES) or get_i32(get(st, B_CAPTURE_ROW), place) != index


@part
def _forget(st: int, row: int) -> None:
    recall(st, row)
    free_trace(st, row)


@part
def _fill(st: int, index: int, trace: int, span: int) -> None:
    """Write what a row says into a span's record that holds no captured values."""
    put(span, S_PARENT, get(get(st, B_PARENT_ID), index))
    put(span, S_START, get(get(st, B_START_NS), index))
    put(span, S_END, get(get(st, B_END_NS), index))
    slot = get(st, B_SLOT)
    put(span, S_FROM, slot << 32 | index)
    put(get(st, LIVE), slot, get(get(st, LIVE), slot) + 1)
    _skip_captures_before(st, index)
    place = get(st, B_CAPTURE_AT)
    added = 0
    while place < get(st, B_CAPTURES) and get_i32(get(st, B_CAPTURE_ROW), place) == index:
        found = new_capture(st)
        record = get(st, CAPTURES) + found * (8 * CAPTURE_WORDS)
        weight = get(get(st, B_CAPTURE_WEIGHT), place)
        put(record, C_WHAT, get(get(st, B_CAPTURE_WHAT), place))
        put(record, C_NEXT, get(span, S_CAPTURES))
        put(record, C_WEIGHT, weight)
        put(span, S_CAPTURES, found)
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
