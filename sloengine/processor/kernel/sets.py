"""Span sets and predicates: condition bits of scopes, asked by rules."""

from __future__ import annotations

from sloengine.jit import inlined, part
from sloengine.processor.kernel.index import above
from sloengine.processor.kernel.layout import (
    ANY,
    COUNT,
    ENTRY,
    I_END,
    I_START,
    IN_ANCESTORS,
    IN_CHAIN,
    IN_MEMBERS,
    IN_TRACE,
    L_ATOM,
    L_COUNTED,
    L_HIGH,
    L_LOW,
    L_OP,
    L_WORDS,
    LONGER,
    NO,
    P_ATOMS,
    P_COUNTED,
    P_COUNTED_SIZE,
    P_LEAVES,
    P_WORDS,
    SPAN_WORDS,
    TIMES_WORDS,
    W_ALL,
    W_ALL_COUNTS,
    W_COMPLETE,
    W_COUNT,
    W_HOME,
    W_MARKS,
    W_ORDER,
    W_PARENT,
    W_ROWS,
    W_SET,
    W_SET_COUNTS,
    W_SPANS,
    W_TIMES,
)
from sloengine.processor.kernel.links import see_to_order
from sloengine.processor.kernel.memory import get, put
from sloengine.processor.kernel.spans import vector_of

FALSE, TRUE, UNKNOWN_TRUTH = range(3)


@inlined
def _atoms_of(plan: int, span: int) -> int:
    """Return the address of the bits of a span."""
    return get(plan, P_ATOMS) + vector_of(span) * get(plan, P_WORDS) * 8


@inlined
def _has(bits: int, atom: int) -> int:
    return (get(bits, atom >> 6) >> (atom & 63)) & 1


@inlined
def _clear(plan: int, bits: int, counts: int) -> None:
    for word in range(get(plan, P_WORDS)):
        put(bits, word, 0)
    for number in range(get(plan, P_COUNTED_SIZE)):
        put(counts, number, 0)


@inlined
def _include(plan: int, span: int, bits: int, counts: int) -> None:
    atoms = _atoms_of(plan, span)
    for word in range(get(plan, P_WORDS)):
        put(bits, word, get(bits, word) | get(atoms, word))
    counted = get(plan, P_COUNTED)
    for number in range(get(plan, P_COUNTED_SIZE)):
        put(counts, number, get(counts, number) + _has(atoms, get(counted, number)))


@part
def gather_trace(plan: int, work: int) -> None:
    """Fill W_ALL and W_ALL_COUNTS."""
    bits, counts, rows = get(work, W_ALL), get(work, W_ALL_COUNTS), get(work, W_ROWS)
    if get(plan, P_WORDS) == 1 and get(plan, P_COUNTED_SIZE) == 0:
        atoms, all_bits = get(plan, P_ATOMS), 0
        for index in range(get(work, W_COUNT)):
            all_bits |= get(atoms, vector_of(get(rows, index)))
        put(bits, 0, all_bits)
        return
    _clear(plan, bits, counts)
    for index in range(get(work, W_COUNT)):
        _include(plan, get(rows, index), bits, counts)


@part
def gather_set(plan: int, work: int, entry: int) -> None:
    """Mark the members of an entry's set, and fill W_SET and W_SET_COUNTS."""
    bits, counts, rows = get(work, W_SET), get(work, W_SET_COUNTS), get(work, W_ROWS)
    parents, marks, order = get(work, W_PARENT), get(work, W_MARKS), get(work, W_ORDER)
    is_home = entry == get(work, W_HOME)
    see_to_order(work)
    _clear(plan, bits, counts)
    for place in range(get(work, W_COUNT)):
        index = get(order, place)
        mark = get(marks, index) & ~IN_MEMBERS
        parent = get(parents, index)
        if (
            index == entry
            or (parent >= 0 and get(marks, parent) & IN_MEMBERS != 0)
            or (is_home and mark & IN_CHAIN != 0)
        ):
            mark |= IN_MEMBERS
            _include(plan, get(rows, index), bits, counts)
        put(marks, index, mark)


@part
def _count_above(plan: int, work: int, entry: int, atom: int) -> int:
    rows, parents = get(work, W_ROWS), get(work, W_PARENT)
    count = 0
    index = get(parents, entry)
    while index >= 0:
        count += _has(_atoms_of(plan, get(rows, index)), atom)
        index = get(parents, index)
    return count


@inlined
def row_of(work: int, span: int) -> int:
    """Return the row of a span's record."""
    return (span - get(work, W_SPANS)) // (8 * SPAN_WORDS)


@inlined
def times_of(work: int, span: int) -> int:
    """Return the address of the start and end of a span's record."""
    return get(work, W_TIMES) + row_of(work, span) * (8 * TIMES_WORDS)


@inlined
def is_longer(work: int, span: int, limit: int) -> bool:
    """Whether a span lasted longer; not where it ends before it starts."""
    times = times_of(work, span)
    start, end = get(times, I_START), get(times, I_END)
    return not above(start, end) and above(end - start, limit)


@inlined
def _counted(plan: int, work: int, entry: int, leaf: int, scope: int, is_set_all: bool) -> int:
    """How many spans of a scope have an atom; where a leaf does not count, 1 stands for more."""
    atom = get(leaf, L_ATOM)
    if scope == IN_ANCESTORS:
        return _count_above(plan, work, entry, atom)
    from_trace = scope == IN_TRACE or is_set_all
    if get(leaf, L_OP) & 7 == COUNT:
        counts = get(work, W_ALL_COUNTS) if from_trace else get(work, W_SET_COUNTS)
        return get(counts, get(leaf, L_COUNTED))
    return _has(get(work, W_ALL) if from_trace else get(work, W_SET), atom)


@inlined
def _leaf_holds(plan: int, work: int, entry: int, leaf: int, is_set_all: bool) -> int:
    op = get(leaf, L_OP)
    span = get(get(work, W_ROWS), entry)
    if op == ENTRY:
        return _has(_atoms_of(plan, span), get(leaf, L_ATOM))
    if op == LONGER:
        return TRUE if is_longer(work, span, get(leaf, L_LOW)) else FALSE
    count = _counted(plan, work, entry, leaf, op & ~7, is_set_all)
    complete = get(work, W_COMPLETE) != 0
    absent = FALSE if complete else UNKNOWN_TRUTH
    all_there = TRUE if complete else UNKNOWN_TRUTH
    if op & 7 == ANY:
        return TRUE if count > 0 else absent
    if op & 7 == NO:
        return FALSE if count > 0 else all_there
    enough = TRUE if count >= get(leaf, L_LOW) else absent
    high = get(leaf, L_HIGH)
    if high < 0 or enough == FALSE:
        return enough
    if count > high:
        return FALSE
    return all_there if enough == TRUE else enough


@part
def holds(plan: int, work: int, entry: int, start: int, end: int, is_set_all: bool) -> int:
    """Whether all of some predicates hold for an entry: one that does not decides."""
    result = TRUE
    for number in range(start, end):
        leaf = get(plan, P_LEAVES) + number * (8 * L_WORDS)
        truth = _leaf_holds(plan, work, entry, leaf, is_set_all)
        if truth == FALSE:
            return FALSE
        if truth == UNKNOWN_TRUTH:
            result = UNKNOWN_TRUTH
    return result
