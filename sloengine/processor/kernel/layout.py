"""The records of the kernels, word by word. Every word is a signed 64-bit integer.

Ids and instants are unsigned on the wire: here they are the same bits with a sign, and
`index.above` compares them. Nothing outside this package sees an address.
"""

from __future__ import annotations

NONE = -1
"""No row."""
NEVER = (1 << 63) - 1
"""Later than any instant, behind any position."""
IN_LINE = NEVER - 1
"""When to look at a trace that is due, and waits until the rest of it can be read again."""
LOW = 0xFFFFFFFF

# A span: 32 bytes, half a cache line, and 16 bytes that are seldom read again.
S_ID, S_PARENT, S_META, S_FROM = range(4)
SPAN_WORDS = 4
I_START, I_END = range(2)
TIMES_WORDS = 2
# S_META: vector << 38 | next span of the trace + 1 << 8 | flags | kind.
# S_FROM: slot of the batch << 32 | row in it, or NONE where the batch is not kept any more. Where
# values were captured: -2 - the first of them, which knows the rest (C_FROM).
KIND = 0xF
FRESH = 1 << 4
"""No verdict has seen the span."""
LABEL = 1 << 5
"""Service and name of the span are among its captures."""
NEXT_AT, NEXT_MASK = 8, (1 << 30) - 1
VECTOR_AT = 38
MOST_SPANS = 1 << 30
MOST_VECTORS = 1 << 25
"""S_META has room for no more."""

# A trace: 128 bytes, of which a further span of a pending trace touches the first half.
(
    T_HI,
    T_LO,
    T_HEAD,
    T_COUNT,
    T_SIGNATURE,
    T_LAST_POSITION,
    T_LAST_ARRIVAL,
    T_EARLIEST,
    T_FIRST_ARRIVAL,
    T_ORIGIN,
    T_STATE,
    T_OLDER,
    T_NEWER,
    T_BYTES,
    T_HELD,
    T_SEEN,
) = range(16)
TRACE_WORDS = 16
# T_HEAD: WITH_CARE, or 0, and the first span + 1 of a chain: the newest is first.
# T_SIGNATURE: a bit for each span id that may be there. T_EARLIEST: the least start. T_STATE: with
# flags. T_OLDER, T_NEWER: neighbours among the judged traces; T_NEWER of a free row is the next
# free one. T_BYTES: what captured values weigh; T_HELD: what the batches weigh that are kept for
# its spans. T_SEEN: how many spans the last verdict saw.
WITH_CARE = 1 << 32
"""Further spans do more than join a trace: it is not pending for the first time, or is put off."""
FREE, PENDING, REOPENED, JUDGED = range(4)
"""T_STATE. A reopened trace is pending, and holds all spans of its earlier verdict."""
STATE = 3
UNSURE = 4
"""A span was in conflict with another whose values are not known any more."""
STALE = 8
"""T_EARLIEST may be too early: a span was replaced."""

# A captured value: 32 bytes, and a reference in the arena's `values`.
C_WHAT, C_NEXT, C_WEIGHT, C_FROM = range(4)
CAPTURE_WORDS = 4
# C_FROM: of a span's first captured value, where the span came from, as in S_FROM.
# C_WHAT: expression << 2 | usable as text << 1 | usable as an amount.
IS_TEXT, IS_AMOUNT = 2, 1

SPAN_BYTES = 8 * (SPAN_WORDS + TIMES_WORDS)
TRACE_BYTES = 8 * TRACE_WORDS + 16 + 32
"""What a trace costs beside its spans: its row, two instants, its places in the index."""
CAPTURE_BYTES = 8 * CAPTURE_WORDS + 16

BIG = 32
"""Traces of more spans have each of them in an index."""
SEED_WORDS = 6

# The state: addresses of arrays, and numbers. The first sixteen are arrays.
(
    SPANS,  # [rows][SPAN_WORDS]
    TIMES,  # [rows][TIMES_WORDS]: start and end of spans
    OWNERS,  # [rows]: the trace of a span that is in the index of spans
    TRACES,  # [rows][TRACE_WORDS]
    DUE,  # [traces]: when to look at it; NEVER where not pending
    FIRST,  # [traces]: the oldest frame that is needed; NEVER where not pending
    CAPTURES,  # [rows][CAPTURE_WORDS]
    FREE_CAPTURES,  # a stack of rows
    FREE_SPANS,  # a stack of rows
    FREE_CHAINS,  # a stack of first rows of chains
    INDEX,  # trace id -> row
    FADING,  # the index before it grew, less what has moved
    BIG_INDEX,  # (row of the trace, span id, kind) -> row, for traces of more than BIG spans
    BIG_FADING,
    LIVE,  # [slots]: how many spans came from the batch in it
    SEEDS,  # [SEED_WORDS]
    INDEX_MASK,
    FADING_SIZE,
    BIG_MASK,
    BIG_FADING_SIZE,
    INDEX_CURSOR,  # how far the fading table was emptied, NONE where there is none
    BIG_CURSOR,
    INDEX_COUNT,
    BIG_COUNT,
    SPANS_USED,
    SPANS_FREE_COUNT,  # on both stacks
    STACKED,  # on the stack of rows
    CHAINS,
    TRACES_USED,
    TRACES_FREE,
    TRACES_FREE_COUNT,
    CAPTURES_USED,
    CAPTURES_FREE_COUNT,
    PENDING_TRACES,
    PENDING_SPANS,
    PENDING_BYTES,
    RECENT_TRACES,
    RECENT_BYTES,
    OLDEST,
    NEWEST,
    LONGEST,  # the most spans that a trace ever had
    IDLE_WAIT,
    MAX_WAIT,
    HORIZON,
    # what one call of `add_rows` works on
    B_TRACE_HI,
    B_TRACE_LO,
    B_SPAN_ID,
    B_PARENT_ID,
    B_START_NS,
    B_END_NS,
    B_KIND,  # bytes
    B_VECTOR,  # int32
    B_CAPTURE_ROW,  # int32
    B_CAPTURE_WHAT,
    B_CAPTURE_WEIGHT,
    B_CAPTURE_PLACE,  # out: the row that a captured value got, or NONE
    B_FIRST_ROW,  # int32: rows in which each trace is met, most of them once
    B_FIRST_ROWS,
    B_ROWS,
    B_CAPTURES,
    B_CAPTURE_AT,
    B_POSITION,
    B_ARRIVAL,
    B_SLOT,
    B_WEIGHT,  # what keeping the batch costs, for each row
    DUPLICATES,
    LATE,
    HOLDER,  # out: the span that is there already, where `add_rows` returns TIED
    CAPTURES_CLEAN,  # the free captures below this have no value any more
) = range(69)
STATE_WORDS = 72

# What `add_rows` returns beside the row to go on with.
DONE, TIED, CROWDED = range(3)
# How a tie was decided.
UNDECIDED, STANDS, REPLACES, UNKNOWN = range(4)

# A compiled plan: addresses and numbers.
(
    P_VECTORS,  # [vectors][V_WORDS]
    P_ATOMS,  # [vectors][P_WORDS]: bits
    P_WORDS,
    P_TAKERS,  # rules
    P_RULES,  # [rules][R_WORDS]
    P_OUTCOMES,  # [][O_WORDS]
    P_REASONS,  # [][3]: leaves from, to, reason
    P_LEAVES,  # [][L_WORDS]
    P_COLUMNS,  # [][3]: expressions from, to, usable flag
    P_EXPRESSIONS,
    P_COUNTED,  # atoms that are counted
    P_COUNTED_SIZE,
    P_VALUE_WORDS,  # room for values in each fact
) = range(13)
PLAN_WORDS = 16
V_FLAGS, V_FROM, V_TO = range(3)
V_WORDS = 4
IS_IGNORED, HAS_ERRORS, IS_TRAFFIC = 1, 2, 4
(
    R_OUTCOMES,
    R_OUTCOMES_END,
    R_REASONS,
    R_REASONS_END,
    R_HAVING,  # leaves; NONE where there is no `having`
    R_HAVING_END,
    R_PRIORITY,
    R_COLUMNS,
    R_COLUMNS_END,
) = range(9)
R_WORDS = 12
O_LEAVES, O_LEAVES_END, O_OUTCOME, O_REASON, O_ASKS_WHY = range(5)
O_WORDS = 6
L_OP, L_ATOM, L_LOW, L_HIGH, L_COUNTED = range(5)
L_WORDS = 6
ENTRY, LONGER, ANY, NO, COUNT = range(5)
"""L_OP, and with a scope the sum of both. LONGER has its limit in L_LOW."""
IN_SET, IN_TRACE, IN_ANCESTORS = 0, 8, 16

# Working memory of the judge: arrays of one word for each span of a trace, and others.
(
    W_ROWS,
    W_PARENT,
    W_ORDER,
    W_MARKS,
    W_TAKEN,
    W_PATH,
    W_CAPTURED,  # [captures of a trace][2]: span, capture
    W_IDS,  # [][2]: stamp << 32 | span, id of the span
    W_SET,  # [P_WORDS] bits of the set of one entry
    W_ALL,  # [P_WORDS] bits of the trace
    W_SET_COUNTS,
    W_ALL_COUNTS,
    W_STAMP,
    W_SEED,
    W_FACTS,  # out: [][F_WORDS]
    W_FACTS_SIZE,
    W_FACTS_USED,
    W_VALUES,  # out: [facts][P_VALUE_WORDS]: captures, NONE where there is no value
    W_CAPTURED_SIZE,
    W_CAPTURED_USED,
    # of the trace on the bench
    W_COUNT,
    W_HOME,
    W_IS_ALL,
    W_COMPLETE,
    W_DISTANCE,  # [spans]: how far above the entry that is looked at, from 1; 0 elsewhere
    W_CANDIDATES,  # [spans]: those that some definition's `entry` matches
    W_CANDIDATES_USED,
    W_LOOSE,  # how many spans name a parent that is not there
    W_ROOTS,
    W_CURSORS,  # [AT_ONCE]
    W_SPANS,  # as SPANS and TIMES of the state
    W_TIMES,
    W_DIRECTION,  # how to fill W_ORDER; NONE where that is done
) = range(33)
WORK_WORDS = 40
AT_ONCE = 16
"""So many chains are walked side by side: memory answers many questions in the time of one."""
IS_CANDIDATE, IS_LOOSE, LEADS_TO, IN_CHAIN, IS_SERVED, IS_INSIDE, IS_ABOVE, IN_MEMBERS, UNDER = (
    1 << bit for bit in range(9)
)
"""W_MARKS: a candidate; names a parent that is not there; is or is above a candidate; an orphan or
below one; customer traffic or below it; in the set of an entry; above an entry or one; in the set
that is looked at; a candidate or below one."""

(
    F_TRACE,
    F_SPAN,
    F_RULE,
    F_OUTCOME,
    F_REASON,
    F_INCOMPLETE,
    F_HI,
    F_LO,
    F_ID,
    F_KIND,
    F_START,
    F_END,
    F_ORIGIN,
) = range(13)
F_WORDS = 14
OTHER_RULE, IGNORED_RULE = -1, -2

# What the judge says of each trace: [][J_WORDS].
(
    J_TRACE,
    J_STATUS,
    J_FACTS,
    J_FACTS_END,
    J_ORPHANS,
    J_AMBIGUOUS,
    J_UNKNOWN_HAVING,
    J_INCOMPLETE,
    J_HOW,
) = range(9)
J_WORDS = 10
JUDGED_HERE, NOT_WHOLE, ELSEWHERE, JUDGED_ELSEWHERE, FORGOTTEN = range(5)
"""J_STATUS. `ELSEWHERE`: the plain judge must say, even whether the trace is whole."""
MAY_WAIT, AS_IT_STANDS, IN_HASTE = range(3)
"""J_HOW. Whether a trace that is not whole goes on waiting; whether it is marked incomplete."""
# What is told of traces that end: columns for the history, and sums.
D_NUMBER, D_HI, D_LO, D_FIRST, D_ARRIVAL, D_EARLIEST = range(6)
D_COLUMNS = 6
(
    N_ASKED,
    N_REOPENED,
    N_RECHECK,
    N_LAST_POSITION,
    N_HERE,
    N_FRESH,
    N_INCOMPLETE,
    N_ORPHANS,
    N_AMBIGUOUS,
    N_UNKNOWN_HAVING,
    N_REJUDGED,
    N_HOW,  # one for each J_HOW
) = range(12)
N_WORDS = 16
MANY = 64
"""Traces with more candidates are judged elsewhere: work must stay linear."""
