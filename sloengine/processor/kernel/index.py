"""Open addressing: a seeded hash, 32 bits of it beside each row, linear probing, at most half full.

A table grows without a pause: the new one is empty, the old one fades, and each insertion moves a
few of its entries. Moved and removed entries of a fading table leave a mark, so its chains stay
whole; from a table in use entries are removed by shifting those behind them.
"""

from __future__ import annotations

from sloengine.jit import inlined, part
from sloengine.processor.kernel.layout import (
    B_TRACE_HI,
    B_TRACE_LO,
    BIG_COUNT,
    BIG_CURSOR,
    BIG_FADING,
    BIG_FADING_SIZE,
    BIG_INDEX,
    BIG_MASK,
    FADING,
    FADING_SIZE,
    INDEX,
    INDEX_COUNT,
    INDEX_CURSOR,
    INDEX_MASK,
    KIND,
    LOW,
    NONE,
    OWNERS,
    S_ID,
    S_META,
    SEEDS,
    SPAN_WORDS,
    SPANS,
    T_HI,
    T_LO,
    TIMES,
    TIMES_WORDS,
    TRACE_WORDS,
    TRACES,
)
from sloengine.processor.kernel.memory import ask_for, get, get_i32, put

_LEAST = -(1 << 63)
_EMPTY = 0
_GONE = -1
_MOVED_AT_ONCE = 8


@inlined
def above(left: int, right: int) -> bool:
    """Whether `left` is greater, both being 64 bits without a sign."""
    return (left ^ _LEAST) > (right ^ _LEAST)


@inlined
def hash32(st: int, high: int, low: int) -> int:
    """Return 32 bits of a multilinear hash: strongly universal over the choice of seeds.

    Lemire & Kaser, "Strongly universal string hashing is fast", 2014.
    """
    seeds = get(st, SEEDS)
    total = get(seeds, 0) + get(seeds, 1) * (high & LOW) + get(seeds, 2) * ((high >> 32) & LOW)
    total += get(seeds, 3) * (low & LOW) + get(seeds, 4) * ((low >> 32) & LOW)
    return (total >> 32) & LOW


@inlined
def signature(st: int, span_id: int) -> int:
    """Return one bit for a span id."""
    return 1 << (((span_id * get(get(st, SEEDS), 5)) >> 58) & 63)


@inlined
def span_at(st: int, row: int) -> int:
    """Return the address of a span's record."""
    return get(st, SPANS) + row * (8 * SPAN_WORDS)


@inlined
def times_at(st: int, row: int) -> int:
    """Return the address of a span's start and end."""
    return get(st, TIMES) + row * (8 * TIMES_WORDS)


@inlined
def trace_at(st: int, row: int) -> int:
    """Return the address of a trace's record."""
    return get(st, TRACES) + row * (8 * TRACE_WORDS)


@inlined
def _enter(table: int, mask: int, tag: int, row: int) -> None:
    place = tag & mask
    while get(table, place) != _EMPTY:
        place = (place + 1) & mask
    put(table, place, tag << 32 | (row + 1))


@part
def _take_out(table: int, mask: int, place: int) -> None:
    """Empty a place of a table in use, and close the gap."""
    hole = place
    while True:
        place = (place + 1) & mask
        entry = get(table, place)
        if entry == _EMPTY:
            break
        home = (entry >> 32) & mask
        if ((place - home) & mask) >= ((place - hole) & mask):
            put(table, hole, entry)
            hole = place
    put(table, hole, _EMPTY)


@part
def _move(st: int, table: int, mask: int, fading: int, size: int, cursor: int, limit: int) -> None:
    """Move up to `limit` places of a fading table."""
    place = get(st, cursor)
    end = min(place + limit, size)
    while place < end:
        entry = get(fading, place)
        if entry != _EMPTY and entry != _GONE:
            _enter(table, mask, (entry >> 32) & LOW, (entry & LOW) - 1)
            put(fading, place, _GONE)
        place += 1
    put(st, cursor, NONE if place == size else place)


@inlined
def _place_of_trace(table: int, mask: int, traces: int, tag: int, high: int, low: int) -> int:
    place = tag & mask
    while True:
        entry = get(table, place)
        if entry == _EMPTY:
            return NONE
        if (entry >> 32) & LOW == tag and entry != _GONE:
            trace = traces + ((entry & LOW) - 1) * (8 * TRACE_WORDS)
            if get(trace, T_HI) == high and get(trace, T_LO) == low:
                return place
        place = (place + 1) & mask


@part
def find_trace(st: int, high: int, low: int) -> int:
    """Return the row of a trace, or NONE."""
    tag = hash32(st, high, low)
    table, traces = get(st, INDEX), get(st, TRACES)
    place = _place_of_trace(table, get(st, INDEX_MASK), traces, tag, high, low)
    if place >= 0:
        return (get(table, place) & LOW) - 1
    if get(st, INDEX_CURSOR) >= 0:
        table = get(st, FADING)
        place = _place_of_trace(table, get(st, FADING_SIZE) - 1, traces, tag, high, low)
        if place >= 0:
            return (get(table, place) & LOW) - 1
    return NONE


@part
def ask_for_traces(st: int, rows: int, count: int) -> None:
    """Have the places of the traces of some rows (int32) come near."""
    highs, lows = get(st, B_TRACE_HI), get(st, B_TRACE_LO)
    table, mask = get(st, INDEX), get(st, INDEX_MASK)
    for number in range(count):
        row = get_i32(rows, number)
        ask_for(table + 8 * (hash32(st, get(highs, row), get(lows, row)) & mask))


@part
def enter_trace(st: int, row: int, high: int, low: int) -> None:
    """Index a trace that is not there. The caller sees that there is room."""
    if get(st, INDEX_CURSOR) >= 0:
        move_traces(st, _MOVED_AT_ONCE)
    _enter(get(st, INDEX), get(st, INDEX_MASK), hash32(st, high, low), row)
    put(st, INDEX_COUNT, get(st, INDEX_COUNT) + 1)


@part
def move_traces(st: int, limit: int) -> None:
    """Move up to `limit` places of the fading index."""
    _move(
        st,
        get(st, INDEX),
        get(st, INDEX_MASK),
        get(st, FADING),
        get(st, FADING_SIZE),
        INDEX_CURSOR,
        limit,
    )


@part
def take_out_trace(st: int, row: int) -> None:
    """Take a trace out of the index; it must be there."""
    record, traces = trace_at(st, row), get(st, TRACES)
    high, low = get(record, T_HI), get(record, T_LO)
    tag = hash32(st, high, low)
    table, mask = get(st, INDEX), get(st, INDEX_MASK)
    place = _place_of_trace(table, mask, traces, tag, high, low)
    if place >= 0:
        _take_out(table, mask, place)
    else:
        table = get(st, FADING)
        place = _place_of_trace(table, get(st, FADING_SIZE) - 1, traces, tag, high, low)
        put(table, place, _GONE)
    put(st, INDEX_COUNT, get(st, INDEX_COUNT) - 1)


@inlined
def _place_of_span(
    st: int, table: int, mask: int, tag: int, trace: int, span_id: int, kind: int
) -> int:
    place = tag & mask
    while True:
        entry = get(table, place)
        if entry == _EMPTY:
            return NONE
        if (entry >> 32) & LOW == tag and entry != _GONE:
            row = (entry & LOW) - 1
            span = span_at(st, row)
            if (
                get(span, S_ID) == span_id
                and get(span, S_META) & KIND == kind
                and get(get(st, OWNERS), row) == trace
            ):
                return place
        place = (place + 1) & mask


@part
def find_big(st: int, trace: int, span_id: int, kind: int) -> int:
    """Return the row of a span of a big trace, or NONE."""
    tag = hash32(st, span_id, trace << 8 | kind)
    table = get(st, BIG_INDEX)
    place = _place_of_span(st, table, get(st, BIG_MASK), tag, trace, span_id, kind)
    if place >= 0:
        return (get(table, place) & LOW) - 1
    if get(st, BIG_CURSOR) >= 0:
        table = get(st, BIG_FADING)
        mask = get(st, BIG_FADING_SIZE) - 1
        place = _place_of_span(st, table, mask, tag, trace, span_id, kind)
        if place >= 0:
            return (get(table, place) & LOW) - 1
    return NONE


@part
def enter_big(st: int, trace: int, row: int) -> None:
    """Index a span of a big trace that is not there. The caller sees that there is room."""
    if get(st, BIG_CURSOR) >= 0:
        move_big(st, _MOVED_AT_ONCE)
    span = span_at(st, row)
    tag = hash32(st, get(span, S_ID), trace << 8 | (get(span, S_META) & KIND))
    put(get(st, OWNERS), row, trace)
    _enter(get(st, BIG_INDEX), get(st, BIG_MASK), tag, row)
    put(st, BIG_COUNT, get(st, BIG_COUNT) + 1)


@part
def move_big(st: int, limit: int) -> None:
    """Move up to `limit` places of the fading index of spans."""
    _move(
        st,
        get(st, BIG_INDEX),
        get(st, BIG_MASK),
        get(st, BIG_FADING),
        get(st, BIG_FADING_SIZE),
        BIG_CURSOR,
        limit,
    )


@part
def take_out_big(st: int, trace: int, row: int) -> None:
    """Take a span of a big trace out of the index; it must be there."""
    span = span_at(st, row)
    span_id, kind = get(span, S_ID), get(span, S_META) & KIND
    tag = hash32(st, span_id, trace << 8 | kind)
    table, mask = get(st, BIG_INDEX), get(st, BIG_MASK)
    place = _place_of_span(st, table, mask, tag, trace, span_id, kind)
    if place >= 0:
        _take_out(table, mask, place)
    else:
        table = get(st, BIG_FADING)
        mask = get(st, BIG_FADING_SIZE) - 1
        place = _place_of_span(st, table, mask, tag, trace, span_id, kind)
        put(table, place, _GONE)
    put(st, BIG_COUNT, get(st, BIG_COUNT) - 1)
