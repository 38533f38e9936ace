"""Rows of spans and captured values: taken, brought near, freed."""

from __future__ import annotations

from sloengine.jit import inlined, part
from sloengine.processor.kernel.index import (
    span_at,
    times_at,
)
from sloengine.processor.kernel.layout import (
    AT_ONCE,
    C_FROM,
    C_NEXT,
    C_WEIGHT,
    C_WHAT,
    CAPTURE_BYTES,
    CAPTURE_WORDS,
    CAPTURES,
    CAPTURES_CLEAN,
    CAPTURES_FREE_COUNT,
    CAPTURES_USED,
    CHAINS,
    FREE_CAPTURES,
    FREE_CHAINS,
    FREE_SPANS,
    LIVE,
    NEXT_AT,
    NEXT_MASK,
    NONE,
    S_FROM,
    S_META,
    SPANS_FREE_COUNT,
    SPANS_USED,
    STACKED,
    VECTOR_AT,
)
from sloengine.processor.kernel.memory import (
    ask_for,
    get,
    put,
)


@inlined
def add_to(st: int, word: int, amount: int) -> None:
    """Add to a number of the state."""
    put(st, word, get(st, word) + amount)


@inlined
def next_of(span: int) -> int:
    """Return the next span of the same trace, or NONE."""
    return ((get(span, S_META) >> NEXT_AT) & NEXT_MASK) - 1


@inlined
def vector_of(span: int) -> int:
    """Return the vector of a span."""
    return get(span, S_META) >> VECTOR_AT


@inlined
def captures_of(span: int) -> int:
    """Return the first captured value of a span, or NONE."""
    return max(NONE, -2 - get(span, S_FROM))


@inlined
def new_capture(st: int) -> int:
    """Take a row for a captured value."""
    free = get(st, CAPTURES_FREE_COUNT)
    if free > 0:
        put(st, CAPTURES_FREE_COUNT, free - 1)
        if free - 1 < get(st, CAPTURES_CLEAN):
            put(st, CAPTURES_CLEAN, free - 1)
        return get(get(st, FREE_CAPTURES), free - 1)
    found = get(st, CAPTURES_USED)
    put(st, CAPTURES_USED, found + 1)
    return found


@inlined
def file_capture(st: int, span: int, what: int, weight: int) -> int:
    """Give a span one more captured value; return its row."""
    found = new_capture(st)
    record = get(st, CAPTURES) + found * (8 * CAPTURE_WORDS)
    before = captures_of(span)
    put(record, C_WHAT, what)
    put(record, C_NEXT, before)
    put(record, C_WEIGHT, weight)
    if before >= 0:
        put(record, C_FROM, get(get(st, CAPTURES) + before * (8 * CAPTURE_WORDS), C_FROM))
    else:
        put(record, C_FROM, get(span, S_FROM))
    put(span, S_FROM, -2 - found)
    return found


@part
def free_captures(st: int, span: int) -> int:
    """Free the captured values of a span, which needs its batch no more; return their weight."""
    weight = 0
    found = captures_of(span)
    if found < 0:
        return 0
    while found >= 0:
        record = get(st, CAPTURES) + found * (8 * CAPTURE_WORDS)
        weight += CAPTURE_BYTES + get(record, C_WEIGHT)
        free = get(st, CAPTURES_FREE_COUNT)
        put(get(st, FREE_CAPTURES), free, found)
        put(st, CAPTURES_FREE_COUNT, free + 1)
        found = get(record, C_NEXT)
    put(span, S_FROM, NONE)
    return weight


@inlined
def span_row(st: int) -> int:
    """Take a row for a span."""
    stacked = get(st, STACKED)
    if stacked > 0:
        put(st, STACKED, stacked - 1)
        add_to(st, SPANS_FREE_COUNT, -1)
        return get(get(st, FREE_SPANS), stacked - 1)
    found = get(st, SPANS_USED)
    put(st, SPANS_USED, found + 1)
    return found


@inlined
def let_go(st: int, span: int) -> None:
    """Note that a span does not need its batch any more."""
    place = span + 8 * S_FROM
    if get(place, 0) < NONE:
        place = get(st, CAPTURES) + (-2 - get(place, 0)) * (8 * CAPTURE_WORDS) + 8 * C_FROM
    origin = get(place, 0)
    if origin >= 0:
        live = get(st, LIVE)
        put(live, origin >> 32, get(live, origin >> 32) - 1)
        put(place, 0, NONE)


@part
def stack_rows(st: int, wanted: int) -> None:
    """See that so many free rows are on their stack, or all that are free; bring them near."""
    rows, chains = get(st, FREE_SPANS), get(st, FREE_CHAINS)
    stacked = get(st, STACKED)
    while stacked < wanted and get(st, CHAINS) > 0:
        # Side by side: a chain alone would have to wait for memory at every step.
        left = min(AT_ONCE, get(st, CHAINS))
        put(st, CHAINS, get(st, CHAINS) - left)
        cursors = chains + 8 * get(st, CHAINS)
        while left > 0:
            going = 0
            for number in range(left):
                found = get(cursors, number)
                put(rows, stacked, found)
                stacked += 1
                following = next_of(span_at(st, found))
                ask_for(times_at(st, found))
                if following >= 0:
                    put(cursors, going, following)
                    going += 1
            left = going
    put(st, STACKED, stacked)
