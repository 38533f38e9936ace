"""The records of the kernels, word by word. Every word is a signed 64-bit integer.

Ids and instants are unsigned on the wire: here they are the same bits with a sign, and
`index.above` compares them. Nothing outside this package sees an address.
"""

from __future__ import annotations

NONE = -1
"""No row."""
NEVER = (1 << 63) - 1
"""Later than any instant, behind any position."""
LOW = 0xFFFFFFFF

# A span: 64 bytes, a cache line.
S_ID, S_PARENT, S_START, S_END, S_META, S_NEXT, S_CAPTURES, S_FROM = range(8)
SPAN_WORDS = 8
# S_META: vector << 32 | flags << 8 | kind. S_NEXT: row of the trace << 32 | next span + 1.
# S_FROM: slot of the batch << 32 | row in it, or NONE where the batch is not kept any more.
KIND = 0xFF
FRESH = 1 << 8
"""No verdict has seen the span."""
LABEL = 1 << 9
"""Service and name of the span are among its captures."""

# A trace: 128 bytes.
(
    T_HI,
    T_LO,
    T_HEAD,
    T_COUNT,
    T_FRESH,
    T_SIGNATURE,
    T_LAST_POSITION,
    T_FIRST_ARRIVAL,
    T_LAST_ARRIVAL,
    T_ORIGIN,
    T_STATE,
    T_OLDER,
    T_NEWER,
    T_BYTES,
    T_HELD,
    T_UNSURE,
) = range(16)
TRACE_WORDS = 16
# T_HEAD: last span + 1 << 32 | first span + 1, in the order of their chain: the newest is first.
# T_SIGNATURE: a bit for each span id that may be there. T_OLDER, T_NEWER: neighbours among the
# judged traces; T_NEWER of a free row is the next free one. T_BYTES: what captured values weigh;
# T_HELD: what the batches weigh that are kept for its spans. T_UNSURE: whether one of its spans was
# in conflict with another whose values are not known any more.
FREE, PENDING, REOPENED, JUDGED = range(4)
"""T_STATE. A reopened trace is pending, and holds all spans of its earlier verdict."""

# A captured value: 24 bytes, and a reference in the arena's `values`.
C_WHAT, C_NEXT, C_WEIGHT = range(3)
CAPTURE_WORDS = 3
# C_WHAT: expression << 2 | usable as text << 1 | usable as an amount.
IS_TEXT, IS_AMOUNT = 2, 1

SPAN_BYTES = 8 * SPAN_WORDS
TRACE_BYTES = 8 * TRACE_WORDS + 16 + 32
"""What a trace costs beside its spans: its row, two instants, its places in the index."""
CAPTURE_BYTES = 8 * CAPTURE_WORDS + 16

BIG = 32
"""Traces of more spans have each of them in an index."""
SEED_WORDS = 6

# The state: addresses of arrays, and numbers. The first eleven are arrays.
(
    SPANS,  # [rows][SPAN_WORDS]
    TRACES,  # [rows][TRACE_WORDS]
    DUE,  # [traces]: when to look at it; NEVER where not pending
    FIRST,  # [traces]: the oldest frame that is needed; NEVER where not pending
    CAPTURES,  # [rows][CAPTURE_WORDS]
    FREE_CAPTURES,  # a stack of rows
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
    SPANS_FREE,
    SPANS_FREE_COUNT,
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
) = range(62)
STATE_WORDS = 64

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
    W_IDS,  # stamp << 32 | span + 1
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
) = range(29)
WORK_WORDS = 32
IS_CANDIDATE, IS_LOOSE, LEADS_TO, IN_CHAIN, IS_SERVED, IS_INSIDE, IS_ABOVE, IN_MEMBERS, UNDER = (
    1 << bit for bit in range(9)
)
"""W_MARKS: a candidate; names a parent that is not there; is or is above a candidate; an orphan or
below one; customer traffic or below it; in the set of an entry; above an entry or one; in the set
that is looked at; a candidate or below one."""

F_TRACE, F_SPAN, F_RULE, F_OUTCOME, F_REASON, F_INCOMPLETE, F_VALUES = range(7)
F_WORDS = 8
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
    J_EARLIEST,
    J_LATEST,
    J_HOW,
) = range(11)
J_WORDS = 12
JUDGED_HERE, NOT_WHOLE, ELSEWHERE, JUDGED_ELSEWHERE, FORGOTTEN = range(5)
"""J_STATUS. `ELSEWHERE`: the plain judge must say, even whether the trace is whole."""
MAY_WAIT, AS_IT_STANDS, IN_HASTE = range(3)
"""J_HOW. Whether a trace that is not whole goes on waiting; whether it is marked incomplete."""
MANY = 64
"""Traces with more candidates are judged elsewhere: work must stay linear."""
