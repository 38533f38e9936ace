"""Who is whose parent in one trace."""

from __future__ import annotations

from sloengine.jit import inlined, part
from sloengine.processor.kernel.index import span_at, trace_at
from sloengine.processor.kernel.layout import (
    ELSEWHERE,
    IS_CANDIDATE,
    IS_LOOSE,
    J_TRACE,
    J_WORDS,
    JUDGED_HERE,
    LEADS_TO,
    LOW,
    NONE,
    P_VECTORS,
    S_ID,
    S_PARENT,
    T_COUNT,
    V_FROM,
    V_TO,
    V_WORDS,
    W_CANDIDATES,
    W_CANDIDATES_USED,
    W_COUNT,
    W_CURSORS,
    W_DIRECTION,
    W_IDS,
    W_LOOSE,
    W_MARKS,
    W_ORDER,
    W_PARENT,
    W_PATH,
    W_ROOTS,
    W_ROWS,
    W_SEED,
    W_STAMP,
)
from sloengine.processor.kernel.memory import get, put
from sloengine.processor.kernel.rows import head_of
from sloengine.processor.kernel.spans import next_of, vector_of

_SEEN, _PLACED = 1 << 62, 1 << 61
_MIXED, _ABOVE_LATER, _ABOVE_EARLIER = range(3)


@part
def bring_near(st: int, work: int, judged: int, size: int) -> None:
    """Walk the spans of some traces side by side.

    One after the other would have to wait for memory at every step.
    """
    cursors = get(work, W_CURSORS)
    for number in range(size):
        put(cursors, number, head_of(trace_at(st, get(judged + number * (8 * J_WORDS), J_TRACE))))
    while size > 0:
        going = 0
        for number in range(size):
            found = get(cursors, number)
            if found >= 0:
                put(cursors, going, next_of(span_at(st, found)))
                going += 1
        size = going


@part
def link(st: int, plan: int, work: int, row: int) -> int:
    """Put the spans of a trace in an order in which parents come first.

    ELSEWHERE where spans share an id or parents form a cycle. Candidates are listed, loose spans
    marked, and what leads to candidates where that decides whether a loose span is excused.
    """
    rows, ids = get(work, W_ROWS), get(work, W_IDS)
    trace = trace_at(st, row)
    count = get(trace, T_COUNT)
    stamp = get(work, W_STAMP) + 1
    put(work, W_STAMP, stamp)
    bits = 4
    while 1 << bits < 2 * count:
        bits += 1
    mask, shift, seed = (1 << bits) - 1, 64 - bits, get(work, W_SEED)
    found = head_of(trace)
    index = 0
    while found >= 0:
        span = span_at(st, found)
        put(rows, index, span)
        span_id = get(span, S_ID)
        place = ((span_id * seed) >> shift) & mask
        while get(ids, 2 * place) >> 32 == stamp:
            if get(ids, 2 * place + 1) == span_id:
                return ELSEWHERE
            place = (place + 1) & mask
        put(ids, 2 * place, stamp << 32 | index)
        put(ids, 2 * place + 1, span_id)
        index += 1
        found = next_of(span)
    direction = _find_parents(plan, work, count, stamp, mask, shift)
    put(work, W_DIRECTION, direction)
    if direction == _MIXED:
        put(work, W_DIRECTION, NONE)
        if not _order(work, count):
            return ELSEWHERE
    if get(work, W_LOOSE) > 0 and get(work, W_CANDIDATES_USED) > 0:
        _mark_what_leads_to_candidates(work, count)
    return JUDGED_HERE


@inlined
def _find_parents(plan: int, work: int, count: int, stamp: int, mask: int, shift: int) -> int:
    """Fill W_PARENT; say whether all parents stand on one side of their children, and on which."""
    rows, ids, seed = get(work, W_ROWS), get(work, W_IDS), get(work, W_SEED)
    parents, marks = get(work, W_PARENT), get(work, W_MARKS)
    vectors, listed = get(plan, P_VECTORS), get(work, W_CANDIDATES)
    candidates = loose = roots = earlier = later = 0
    for index in range(count):
        span = get(rows, index)
        vector = vectors + vector_of(span) * (8 * V_WORDS)
        mark = 0
        if get(vector, V_FROM) < get(vector, V_TO):
            mark = IS_CANDIDATE | LEADS_TO
            put(listed, candidates, index)
            candidates += 1
        parent_id = get(span, S_PARENT)
        parent = NONE
        if parent_id != 0:
            place = ((parent_id * seed) >> shift) & mask
            while get(ids, 2 * place) >> 32 == stamp:
                if get(ids, 2 * place + 1) == parent_id:
                    parent = get(ids, 2 * place) & LOW
                    break
                place = (place + 1) & mask
            if parent < 0:
                mark |= IS_LOOSE
                loose += 1
        if parent < 0:
            roots += 1
        # A span that is its own parent is both: only the walk finds cycles.
        later += parent >= index
        earlier += 0 <= parent <= index
        put(parents, index, parent)
        put(marks, index, mark)
    put(work, W_CANDIDATES_USED, candidates)
    put(work, W_LOOSE, loose)
    put(work, W_ROOTS, roots)
    if earlier == 0:
        return _ABOVE_LATER
    return _ABOVE_EARLIER if later == 0 else _MIXED


@part
def _mark_what_leads_to_candidates(work: int, count: int) -> None:
    see_to_order(work)
    parents, marks, order = get(work, W_PARENT), get(work, W_MARKS), get(work, W_ORDER)
    for place in range(count - 1, -1, -1):
        index = get(order, place)
        parent = get(parents, index)
        if parent >= 0 and get(marks, index) & LEADS_TO != 0:
            put(marks, parent, get(marks, parent) | LEADS_TO)


@part
def see_to_order(work: int) -> None:
    """Fill W_ORDER, which few traces need, if that was left.

    Every parent came before its children then, or every one after them.
    """
    direction = get(work, W_DIRECTION)
    if direction == NONE:
        return
    put(work, W_DIRECTION, NONE)
    order, count = get(work, W_ORDER), get(work, W_COUNT)
    for place in range(count):
        put(order, place, count - 1 - place if direction == _ABOVE_LATER else place)


@part
def _order(work: int, count: int) -> bool:
    """Fill W_ORDER; False where there is a cycle."""
    parents, marks = get(work, W_PARENT), get(work, W_MARKS)
    order, path = get(work, W_ORDER), get(work, W_PATH)
    placed = 0
    for start in range(count):
        index = start
        length = 0
        while index >= 0 and get(marks, index) & (_SEEN | _PLACED) == 0:
            put(marks, index, get(marks, index) | _SEEN)
            put(path, length, index)
            length += 1
            index = get(parents, index)
        if index >= 0 and get(marks, index) & _SEEN != 0:
            return False
        while length > 0:
            length -= 1
            index = get(path, length)
            put(marks, index, (get(marks, index) & ~_SEEN) | _PLACED)
            put(order, placed, index)
            placed += 1
    return True
