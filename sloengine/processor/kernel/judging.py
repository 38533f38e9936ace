"""The verdicts over traces, as the plain judge would give them."""

from __future__ import annotations

from sloengine.jit import entry, inlined, part
from sloengine.processor.kernel.index import trace_at
from sloengine.processor.kernel.layout import (
    AT_ONCE,
    CROWDED,
    DONE,
    ELSEWHERE,
    F_END,
    F_HI,
    F_ID,
    F_INCOMPLETE,
    F_KIND,
    F_LO,
    F_ORIGIN,
    F_OUTCOME,
    F_REASON,
    F_RULE,
    F_SPAN,
    F_START,
    F_TRACE,
    F_WORDS,
    I_END,
    I_START,
    IGNORED_RULE,
    IN_CHAIN,
    IN_HASTE,
    IS_ABOVE,
    IS_CANDIDATE,
    IS_IGNORED,
    IS_INSIDE,
    IS_LOOSE,
    IS_SERVED,
    J_AMBIGUOUS,
    J_FACTS,
    J_FACTS_END,
    J_HOW,
    J_INCOMPLETE,
    J_ORPHANS,
    J_STATUS,
    J_TRACE,
    J_UNKNOWN_HAVING,
    J_WORDS,
    JUDGED_HERE,
    KIND,
    LEADS_TO,
    MANY,
    MAY_WAIT,
    NONE,
    NOT_WHOLE,
    O_ASKS_WHY,
    O_LEAVES,
    O_LEAVES_END,
    O_OUTCOME,
    O_REASON,
    O_WORDS,
    OTHER_RULE,
    P_OUTCOMES,
    P_REASONS,
    P_RULES,
    P_TAKERS,
    P_VALUE_WORDS,
    P_VECTORS,
    R_COLUMNS,
    R_COLUMNS_END,
    R_HAVING,
    R_HAVING_END,
    R_OUTCOMES,
    R_OUTCOMES_END,
    R_PRIORITY,
    R_REASONS,
    R_REASONS_END,
    R_WORDS,
    S_ID,
    S_META,
    SPANS,
    STALE,
    T_COUNT,
    T_EARLIEST,
    T_HI,
    T_LO,
    T_ORIGIN,
    T_STATE,
    TIMES,
    UNDER,
    UNSURE,
    V_FLAGS,
    V_FROM,
    V_TO,
    V_WORDS,
    W_CANDIDATES,
    W_CANDIDATES_USED,
    W_CAPTURED_USED,
    W_COMPLETE,
    W_COUNT,
    W_FACTS,
    W_FACTS_SIZE,
    W_FACTS_USED,
    W_HOME,
    W_IS_ALL,
    W_LOOSE,
    W_MARKS,
    W_ORDER,
    W_PARENT,
    W_ROOTS,
    W_ROWS,
    W_SPANS,
    W_TAKEN,
    W_TIMES,
    W_VALUES,
)
from sloengine.processor.kernel.links import bring_near, link, see_to_order
from sloengine.processor.kernel.memory import get, put
from sloengine.processor.kernel.rows import note_start
from sloengine.processor.kernel.sets import (
    TRUE,
    UNKNOWN_TRUTH,
    gather_set,
    gather_trace,
    holds,
    row_of,
    times_of,
)
from sloengine.processor.kernel.spans import vector_of
from sloengine.processor.kernel.values import (
    clear_distances,
    gather_captures,
    note_distances,
    value_of,
)

_SERVER, _CONSUMER = 2, 5
_DROPPED = 1 << 40
_GOOD_OUTCOME, _GOOD_REASON = 0, 0
_UNKNOWN_OUTCOME, _UNDECIDABLE, _UNMAPPED, _IGNORED = 5, 1, 2, 3


@entry
def judge_traces(
    st: int, plan: int, work: int, judged: int, start: int, end: int
) -> tuple[int, int]:
    """Judge the traces in `judged` from `start` on; return where to go on, and why.

    CROWDED where the working memory may be too small for the trace there.
    """
    put(work, W_SPANS, get(st, SPANS))
    put(work, W_TIMES, get(st, TIMES))
    for number in range(start, end):
        if (number - start) % AT_ONCE == 0:
            bring_near(st, work, judged + number * (8 * J_WORDS), min(AT_ONCE, end - number))
        record = judged + number * (8 * J_WORDS)
        count = get(trace_at(st, get(record, J_TRACE)), T_COUNT)
        if get(work, W_FACTS_USED) + count > get(work, W_FACTS_SIZE):
            return number, CROWDED
        _judge(st, plan, work, record)
    return end, DONE


@inlined
def _vector_of(plan: int, span: int) -> int:
    return get(plan, P_VECTORS) + vector_of(span) * (8 * V_WORDS)


@part
def _judge(st: int, plan: int, work: int, record: int) -> None:
    row = get(record, J_TRACE)
    trace = trace_at(st, row)
    put(work, W_COUNT, get(trace, T_COUNT))
    put(record, J_FACTS, get(work, W_FACTS_USED))
    put(record, J_FACTS_END, get(work, W_FACTS_USED))
    put(record, J_ORPHANS, 0)
    put(record, J_AMBIGUOUS, 0)
    put(record, J_UNKNOWN_HAVING, 0)
    status = link(st, plan, work, row)
    if get(trace, T_STATE) & UNSURE != 0:
        status = ELSEWHERE
    candidates = get(work, W_CANDIDATES_USED)
    if status == JUDGED_HERE:
        _survey(work, record, trace)
        if get(record, J_ORPHANS) > 0 and get(record, J_HOW) == MAY_WAIT:
            status = NOT_WHOLE
        elif candidates > MANY or not gather_captures(st, work, trace):
            status = ELSEWHERE
    put(record, J_STATUS, status)
    if status != JUDGED_HERE:
        return
    is_incomplete = get(record, J_ORPHANS) > 0 or get(record, J_HOW) == IN_HASTE
    put(record, J_INCOMPLETE, 1 if is_incomplete else 0)
    entries = 0
    if candidates > 0:
        gather_trace(plan, work)
        _take(plan, work, record)
        entries = _drop_nested(work)
        if entries > 0:
            _transactions(st, plan, work, record)
    # Where the only topmost entry is above all that is no orphan, nothing is outside.
    if entries == 0 or get(work, W_IS_ALL) == 0 or get(get(work, W_TAKEN), get(work, W_HOME)) < 0:
        _others(st, plan, work, record, entries)
    put(record, J_FACTS_END, get(work, W_FACTS_USED))


@part
def _survey(work: int, record: int, trace: int) -> None:
    """Find when the trace began, orphans, and home."""
    if get(trace, T_STATE) & STALE != 0:
        put(trace, T_EARLIEST, NONE)
        put(trace, T_STATE, get(trace, T_STATE) & ~STALE)
        for index in range(get(work, W_COUNT)):
            note_start(trace, get(times_of(work, get(get(work, W_ROWS), index)), I_START))
    orphans = tops = 0
    home = NONE
    if get(work, W_LOOSE) == 0 and get(work, W_CANDIDATES_USED) <= 1:
        if get(work, W_CANDIDATES_USED) == 1:
            tops = 1
            home = get(get(work, W_CANDIDATES), 0)
    else:
        orphans, tops, home = _walk(work)
    home = home if tops == 1 else NONE
    put(work, W_HOME, home)
    put(work, W_COMPLETE, 1 if orphans == 0 else 0)
    # Whether the set of home is the trace: then nobody has to walk over it once more.
    is_all = home >= 0 and get(get(work, W_PARENT), home) < 0 and get(work, W_ROOTS) == orphans + 1
    put(work, W_IS_ALL, 1 if is_all else 0)
    put(record, J_ORPHANS, orphans)


@part
def _walk(work: int) -> tuple[int, int, int]:
    """Mark orphans' chains; return how many orphans, how many topmost candidates, and the last."""
    see_to_order(work)
    parents, marks, order = get(work, W_PARENT), get(work, W_MARKS), get(work, W_ORDER)
    orphans = tops = 0
    top = NONE
    for place in range(get(work, W_COUNT)):
        index = get(order, place)
        mark = get(marks, index)
        parent = get(parents, index)
        if parent >= 0:
            mark |= get(marks, parent) & (IN_CHAIN | UNDER)
        elif mark & (IS_LOOSE | LEADS_TO) == IS_LOOSE:
            mark |= IN_CHAIN
            orphans += 1
        if mark & (IS_CANDIDATE | UNDER) == IS_CANDIDATE:
            tops += 1
            top = index
            mark |= UNDER
        put(marks, index, mark)
    return orphans, tops, top


@part
def _take(plan: int, work: int, record: int) -> None:
    """Say in W_TAKEN which definition takes each candidate."""
    rows, taken, listed = get(work, W_ROWS), get(work, W_TAKEN), get(work, W_CANDIDATES)
    if get(work, W_CANDIDATES_USED) > 1:
        for index in range(get(work, W_COUNT)):
            put(taken, index, NONE)
    for listing in range(get(work, W_CANDIDATES_USED)):
        index = get(listed, listing)
        is_all = get(work, W_IS_ALL) != 0 and index == get(work, W_HOME)
        is_gathered = is_all
        vector = _vector_of(plan, get(rows, index))
        first = second = NONE
        for number in range(get(vector, V_FROM), get(vector, V_TO)):
            taker = get(get(plan, P_TAKERS), number)
            rule = get(plan, P_RULES) + taker * (8 * R_WORDS)
            having = get(rule, R_HAVING)
            if having >= 0:
                if not is_gathered:
                    gather_set(plan, work, index)
                    is_gathered = True
                truth = holds(plan, work, index, having, get(rule, R_HAVING_END), is_all)
                if truth == UNKNOWN_TRUTH:
                    put(record, J_UNKNOWN_HAVING, get(record, J_UNKNOWN_HAVING) + 1)
                if truth != TRUE:
                    continue
            if first < 0:
                first = taker
            elif second < 0:
                second = taker
        put(taken, index, first)
        if second >= 0 and _priority(plan, first) == _priority(plan, second):
            put(record, J_AMBIGUOUS, get(record, J_AMBIGUOUS) + 1)


@part
def _priority(plan: int, rule: int) -> int:
    return get(get(plan, P_RULES) + rule * (8 * R_WORDS), R_PRIORITY)


@part
def _drop_nested(work: int) -> int:
    """Drop entries below another of their definition; mark what is above the others.

    Return how many are left.
    """
    parents, marks, taken = get(work, W_PARENT), get(work, W_MARKS), get(work, W_TAKEN)
    listed, candidates = get(work, W_CANDIDATES), get(work, W_CANDIDATES_USED)
    if candidates > 1:
        for listing in range(candidates):
            index = get(listed, listing)
            rule = get(taken, index)
            if rule < 0:
                continue
            parent = get(parents, index)
            while parent >= 0 and get(taken, parent) & ~_DROPPED != rule:
                parent = get(parents, parent)
            if parent >= 0:
                put(taken, index, rule | _DROPPED)
    entries = 0
    for listing in range(candidates):
        index = get(listed, listing)
        rule = get(taken, index)
        if rule < 0:
            continue
        if rule & _DROPPED != 0:
            put(taken, index, NONE)
            continue
        entries += 1
        put(marks, index, get(marks, index) | IS_INSIDE)
        parent = index
        while parent >= 0 and get(marks, parent) & IS_ABOVE == 0:
            put(marks, parent, get(marks, parent) | IS_ABOVE)
            parent = get(parents, parent)
    return entries


@part
def _new_fact(
    st: int, work: int, record: int, index: int, rule: int, outcome: int, reason: int
) -> int:
    used = get(work, W_FACTS_USED)
    put(work, W_FACTS_USED, used + 1)
    fact = get(work, W_FACTS) + used * (8 * F_WORDS)
    trace = trace_at(st, get(record, J_TRACE))
    span = get(get(work, W_ROWS), index)
    times = times_of(work, span)
    put(fact, F_TRACE, get(record, J_TRACE))
    put(fact, F_SPAN, row_of(work, span))
    put(fact, F_RULE, rule)
    put(fact, F_OUTCOME, outcome)
    put(fact, F_REASON, reason)
    put(fact, F_INCOMPLETE, get(record, J_INCOMPLETE))
    put(fact, F_HI, get(trace, T_HI))
    put(fact, F_LO, get(trace, T_LO))
    put(fact, F_ID, get(span, S_ID))
    put(fact, F_KIND, get(span, S_META) & KIND)
    put(fact, F_START, get(times, I_START))
    put(fact, F_END, get(times, I_END))
    put(fact, F_ORIGIN, get(trace, T_ORIGIN))
    return used


@part
def _transactions(st: int, plan: int, work: int, record: int) -> None:
    taken, listed = get(work, W_TAKEN), get(work, W_CANDIDATES)
    for listing in range(get(work, W_CANDIDATES_USED)):
        index = get(listed, listing)
        number = get(taken, index)
        if number < 0:
            continue
        rule = get(plan, P_RULES) + number * (8 * R_WORDS)
        is_all = get(work, W_IS_ALL) != 0 and index == get(work, W_HOME)
        if not is_all:
            gather_set(plan, work, index)
        outcome, reason = _ending(plan, work, index, rule, is_all)
        fact = _new_fact(st, work, record, index, number, outcome, reason)
        values = get(work, W_VALUES) + fact * get(plan, P_VALUE_WORDS) * 8
        first = get(rule, R_COLUMNS)
        if get(work, W_CAPTURED_USED) == 0:
            for column in range(first, get(rule, R_COLUMNS_END)):
                put(values, column - first, NONE)
            continue
        note_distances(work, index)
        for column in range(first, get(rule, R_COLUMNS_END)):
            put(values, column - first, value_of(st, plan, work, column, is_all))
        clear_distances(work, index)


@part
def _ending(plan: int, work: int, index: int, rule: int, is_all: bool) -> tuple[int, int]:
    for number in range(get(rule, R_OUTCOMES), get(rule, R_OUTCOMES_END)):
        outcome = get(plan, P_OUTCOMES) + number * (8 * O_WORDS)
        truth = holds(plan, work, index, get(outcome, O_LEAVES), get(outcome, O_LEAVES_END), is_all)
        if truth == UNKNOWN_TRUTH:
            return _UNKNOWN_OUTCOME, _UNDECIDABLE
        if truth == TRUE:
            reason = get(outcome, O_REASON)
            if get(outcome, O_ASKS_WHY) != 0:
                for other in range(get(rule, R_REASONS), get(rule, R_REASONS_END)):
                    because = get(plan, P_REASONS) + other * 24
                    start, end = get(because, 0), get(because, 1)
                    if holds(plan, work, index, start, end, is_all) == TRUE:
                        reason = get(because, 2)
                        break
            return get(outcome, O_OUTCOME), reason
    return _GOOD_OUTCOME, _GOOD_REASON


@part
def _others(st: int, plan: int, work: int, record: int, entries: int) -> None:
    """Facts of customer traffic that is in no set, topmost only."""
    see_to_order(work)
    rows, parents = get(work, W_ROWS), get(work, W_PARENT)
    marks, order = get(work, W_MARKS), get(work, W_ORDER)
    for place in range(get(work, W_COUNT)):
        index = get(order, place)
        mark = get(marks, index)
        parent = get(parents, index)
        if parent >= 0:
            mark |= get(marks, parent) & (IS_SERVED | IS_INSIDE)
        kind = get(get(rows, index), S_META) & KIND
        if kind in (_SERVER, _CONSUMER):
            is_left_out = mark & (IS_SERVED | IS_INSIDE | IS_ABOVE) != 0
            if not is_left_out and not (entries > 0 and mark & IN_CHAIN != 0):
                if get(_vector_of(plan, get(rows, index)), V_FLAGS) & IS_IGNORED != 0:
                    _new_fact(st, work, record, index, IGNORED_RULE, _UNKNOWN_OUTCOME, _IGNORED)
                else:
                    _new_fact(st, work, record, index, OTHER_RULE, _UNKNOWN_OUTCOME, _UNMAPPED)
            mark |= IS_SERVED
        put(marks, index, mark)
