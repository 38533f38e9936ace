"""Who is whose parent in one trace."""

from __future__ import annotations

from sloengine.jit import part
from sloengine.processor.kernel.index import span_at, trace_at
from sloengine.processor.kernel.layout import (
    ELSEWHERE,
    IS_CANDIDATE,
    IS_LOOSE,
    JUDGED_HERE,
    LEADS_TO,
    LOW,
    NONE,
    P_VECTORS,
    S_ID,
    S_META,
    S_PARENT,
    T_COUNT,
    V_FROM,
    V_TO,
    V_WORDS,
    W_CANDIDATES,
    W_CANDIDATES_USED,
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
from sloengine.processor.kernel.rows import head_of, next_of

_SEEN, _PLACED = 1 << 62, 1 << 61


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
        while get(ids, place) >> 32 == stamp:
            if get(get(rows, get(ids, place) & LOW), S_ID) == span_id:
                return ELSEWHERE
            place = (place + 1) & mask
        put(ids, place, stamp << 32 | index)
        index += 1
        found = next_of(span)
    _find_parents(plan, work, count, stamp, mask, shift)
    if not _order(work, count):
        return ELSEWHERE
    if get(work, W_LOOSE) > 0 and get(work, W_CANDIDATES_USED) > 0:
        _mark_what_leads_to_candidates(work, count)
    return JUDGED_HERE


@part
def _find_parents(plan: int, work: int, count: int, stamp: int, mask: int, shift: int) -> None:
    rows, ids, seed = get(work, W_ROWS), get(work, W_IDS), get(work, W_SEED)
    parents, marks = get(work, W_PARENT), get(work, W_MARKS)
    vectors, listed = get(plan, P_VECTORS), get(work, W_CANDIDATES)
    candidates = loose = roots = 0
    for index in range(count):
        span = get(rows, index)
        vector = vectors + (get(span, S_META) >> 32) * (8 * V_WORDS)
        mark = 0
        if get(vector, V_FROM) < get(vector, V_TO):
            mark = IS_CANDIDATE | LEADS_TO
            put(listed, candidates, index)
            candidates += 1
        parent_id = get(span, S_PARENT)
        parent = NONE
        if parent_id != 0:
            place = ((parent_id * seed) >> shift) & mask
            while get(ids, place) >> 32 == stamp:
                other = get(ids, place) & LOW
                if get(get(rows, other), S_ID) == parent_id:
                    parent = other
                    break
                place = (place + 1) & mask
            if parent < 0:
                mark |= IS_LOOSE
                loose += 1
        if parent < 0:
            roots += 1
        put(parents, index, parent)
        put(marks, index, mark)
    put(work, W_CANDIDATES_USED, candidates)
    put(work, W_LOOSE, loose)
    put(work, W_ROOTS, roots)


@part
def _mark_what_leads_to_candidates(work: int, count: int) -> None:
    parents, marks, order = get(work, W_PARENT), get(work, W_MARKS), get(work, W_ORDER)
    for place in range(count - 1, -1, -1):
        index = get(order, place)
        parent = get(parents, index)
        if parent >= 0 and get(marks, index) & LEADS_TO != 0:
            put(marks, parent, get(marks, parent) | LEADS_TO)


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
