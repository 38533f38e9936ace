"""Which captured value a transaction takes."""

from __future__ import annotations

from sloengine.jit import inlined, part
from sloengine.processor.kernel.index import above
from sloengine.processor.kernel.layout import (
    C_NEXT,
    C_WHAT,
    CAPTURE_WORDS,
    CAPTURES,
    I_START,
    IN_MEMBERS,
    KIND,
    NONE,
    P_COLUMNS,
    P_EXPRESSIONS,
    S_ID,
    S_META,
    T_BYTES,
    W_CAPTURED,
    W_CAPTURED_SIZE,
    W_CAPTURED_USED,
    W_COUNT,
    W_DISTANCE,
    W_MARKS,
    W_PARENT,
    W_ROWS,
)
from sloengine.processor.kernel.memory import get, put
from sloengine.processor.kernel.sets import times_of
from sloengine.processor.kernel.spans import captures_of


@part
def gather_captures(st: int, work: int, trace: int) -> bool:
    """List the captured values of a trace in W_CAPTURED; False where there are too many."""
    put(work, W_CAPTURED_USED, 0)
    if get(trace, T_BYTES) == 0:
        return True
    rows, captured = get(work, W_ROWS), get(work, W_CAPTURED)
    distances = get(work, W_DISTANCE)
    size = get(work, W_CAPTURED_SIZE)
    used = 0
    for index in range(get(work, W_COUNT)):
        found = captures_of(get(rows, index))
        while found >= 0:
            if used == size:
                return False
            put(captured, 2 * used, index)
            put(distances, index, 0)
            put(captured, 2 * used + 1, found)
            used += 1
            found = get(get(st, CAPTURES) + found * (8 * CAPTURE_WORDS), C_NEXT)
    put(work, W_CAPTURED_USED, used)
    return True


@part
def note_distances(work: int, entry: int) -> None:
    """Number an entry and its ancestors from 1 on in W_DISTANCE."""
    parents, distances = get(work, W_PARENT), get(work, W_DISTANCE)
    distance = 1
    while entry >= 0:
        put(distances, entry, distance)
        distance += 1
        entry = get(parents, entry)


@part
def clear_distances(work: int, entry: int) -> None:
    """Undo `note_distances`."""
    parents, distances = get(work, W_PARENT), get(work, W_DISTANCE)
    while entry >= 0:
        put(distances, entry, 0)
        entry = get(parents, entry)


@inlined
def _is_earlier(work: int, left: int, right: int) -> bool:
    """Whether a span stands before another by (start, span id, kind)."""
    mine, theirs = get(times_of(work, left), I_START), get(times_of(work, right), I_START)
    if mine == theirs:
        mine, theirs = get(left, S_ID), get(right, S_ID)
        if mine == theirs:
            return get(left, S_META) & KIND < get(right, S_META) & KIND
    return above(theirs, mine)


@part
def value_of(st: int, plan: int, work: int, column: int, is_set_all: bool) -> int:
    """Return the captured value of a column for an entry whose distances are noted, or NONE."""
    record = get(plan, P_COLUMNS) + column * 24
    expressions = get(plan, P_EXPRESSIONS)
    for number in range(get(record, 0), get(record, 1)):
        found = _value_of(st, work, get(expressions, number) << 2, get(record, 2), is_set_all)
        if found >= 0:
            return found
    return NONE


@inlined
def _value_of(st: int, work: int, what: int, usable: int, is_set_all: bool) -> int:
    rows, distances, marks = get(work, W_ROWS), get(work, W_DISTANCE), get(work, W_MARKS)
    captured, used = get(work, W_CAPTURED), get(work, W_CAPTURED_USED)
    earliest = nearest = result = NONE
    for number in range(used):
        found = get(captured, 2 * number + 1)
        this = get(get(st, CAPTURES) + found * (8 * CAPTURE_WORDS), C_WHAT)
        if this & ~3 != what or this & usable == 0:
            continue
        index = get(captured, 2 * number)
        distance = get(distances, index)
        if distance > 0:
            if nearest < 0 or distance < nearest:
                nearest = distance
                result = found
        elif nearest < 0 and (is_set_all or get(marks, index) & IN_MEMBERS != 0):
            span = get(rows, index)
            if earliest < 0 or _is_earlier(work, span, get(rows, earliest)):
                earliest = index
                result = found
    return result
