"""Where everything stands: the one place that says how kernels and Python share memory.

The *state* is a row of 64-bit words that every kernel gets the address of; constants named here
are byte offsets into it, or into the records that it points to. `…_CAP` is how many records a
buffer has room for; a kernel that would need more returns `GROW` and has changed nothing that
counts. Offsets into the payload are relative to its first byte.
"""

from __future__ import annotations

# What kernels return; anything that is not negative is a position or a count.
DONE = 0
MALFORMED = -1
UNSURE = -2
"""The bytes have a shape that is not worth a kernel's lines; the reference decoder knows it."""
GROW = -3
UNWANTED = 1
"""An attribute was checked, and nobody asks for its key."""

# The state
_WORDS = iter(range(0, 8 * 112, 8))
PAYLOAD = next(_WORDS)
LIMIT = next(_WORDS)
BOUNDS = next(_WORDS)
"""Where one request ends and the next begins; the last one is `LIMIT`."""
SEED = next(_WORDS)
SCHEMA = next(_WORDS)
STACK = next(_WORDS)
SPAN_KEYS = next(_WORDS)
SPAN_KEYS_MASK = next(_WORDS)
RESOURCE_KEYS = next(_WORDS)
RESOURCE_KEYS_MASK = next(_WORDS)
SCOPE_KEYS = next(_WORDS)
SCOPE_KEYS_MASK = next(_WORDS)
INPUTS = next(_WORDS)
PLAIN = next(_WORDS)
"""16 bytes for each source: number or address, and size."""
SPAN_PLAIN = next(_WORDS)
SPAN_PLAIN_COUNT = next(_WORDS)
RESOURCE_PLAIN = next(_WORDS)
RESOURCE_PLAIN_COUNT = next(_WORDS)
SCOPE_PLAIN = next(_WORDS)
SCOPE_PLAIN_COUNT = next(_WORDS)
MARKED = next(_WORDS)
"""The columns that may have to be decided from the whole span."""
MARKED_COUNT = next(_WORDS)
HELD = next(_WORDS)
"""What each input of such a column has in the span at hand."""
SPAN_HELD = next(_WORDS)
"""The addresses of those that are attributes of a span."""
SPAN_HELD_COUNT = next(_WORDS)
RESOURCE_HELD = next(_WORDS)
RESOURCE_HELD_COUNT = next(_WORDS)
SCOPE_HELD = next(_WORDS)
SCOPE_HELD_COUNT = next(_WORDS)
DURATION = next(_WORDS)
"""The input record of a span's duration, 0 where there is none."""
SEEN = next(_WORDS)
SERIAL = next(_WORDS)
CLASS_BYTES = next(_WORDS)
"""Size of a row of classes: int32 each, padded to whole words."""
ABSENT_ROW = next(_WORDS)
RESOURCE_ROW = next(_WORDS)
SCOPE_ROW = next(_WORDS)
SPAN_ROW = next(_WORDS)
# values that an attribute was split into
KEY_AT = next(_WORDS)
KEY_SIZE = next(_WORDS)
KNOWN = next(_WORDS)
"""Attributes that spans had and nobody wants, one for each place in a span up to `KNOWN_PLACES`."""
VALUE_AT = next(_WORDS)
VALUE_END = next(_WORDS)
FOUND_A = next(_WORDS)
FOUND_B = next(_WORDS)
# rows that come out
ROWS = next(_WORDS)
ROWS_CAP = next(_WORDS)
TRACE_HI = next(_WORDS)
TRACE_LO = next(_WORDS)
SPAN_ID = next(_WORDS)
PARENT_ID = next(_WORDS)
START_NS = next(_WORDS)
END_NS = next(_WORDS)
KIND = next(_WORDS)
VECTOR = next(_WORDS)
SPAN_AT = next(_WORDS)
SPAN_SIZE = next(_WORDS)
GROUP_OF = next(_WORDS)
FIRST_ROW = next(_WORDS)
"""Rows in which each trace is met, most of them once."""
MET = next(_WORDS)
"""The row (int32) that a trace was met in last, by a hash of its id: `MET_PLACES`."""
GROUPS = next(_WORDS)
GROUPS_CAP = next(_WORDS)
GROUP_RECORDS = next(_WORDS)
REJECTED = next(_WORDS)
REJECTED_AT = next(_WORDS)
REJECTED_SIZE = next(_WORDS)
CAPTURES = next(_WORDS)
CAPTURES_CAP = next(_WORDS)
CAPTURE_RECORDS = next(_WORDS)
SHARED = next(_WORDS)
SHARED_CAP = next(_WORDS)
SHARED_RECORDS = next(_WORDS)
WHOLE = next(_WORDS)
WHOLE_CAP = next(_WORDS)
WHOLE_VALUES = next(_WORDS)
MISSES = next(_WORDS)
MISSES_CAP = next(_WORDS)
MISS_RECORDS = next(_WORDS)
PENDING = next(_WORDS)
PENDING_CAP = next(_WORDS)
PENDING_ROWS = next(_WORDS)
PENDING_CLASSES = next(_WORDS)
# the table of values
VALUE_SLOTS = next(_WORDS)
VALUE_MASK = next(_WORDS)
VALUES = next(_WORDS)
VALUES_CAP = next(_WORDS)
VALUE_ENTRIES = next(_WORDS)
ARENA = next(_WORDS)
ARENA_USED = next(_WORDS)
ARENA_CAP = next(_WORDS)
# the table of combinations
COMBO_SLOTS = next(_WORDS)
COMBO_MASK = next(_WORDS)
COMBOS = next(_WORDS)
COMBOS_CAP = next(_WORDS)
COMBO_ENTRIES = next(_WORDS)
NEW_COMBOS = next(_WORDS)
NEW_COMBO_ROWS = next(_WORDS)
FULL = next(_WORDS)
"""Not zero where a buffer had no room: the run must be repeated with larger ones."""
OVERFLOWS = next(_WORDS)
"""How often a table had no room for something new."""
STATE_BYTES = next(_WORDS)

# A key of a level: its first and last eight bytes, size (-1: free), input, address of its bytes
KEY_FIRST = 0
KEY_LAST = 8
KEY_LENGTH = 16
KEY_INPUT = 24
KEY_BYTES = 32
KEY_RECORD = 40

# An attribute that was seen: size of its message, -1 where there is none, and its bytes
KNOWN_SIZE = 0
KNOWN_BYTES = 8
MAX_KNOWN_BYTES = 64
KNOWN_RECORD = KNOWN_BYTES + MAX_KNOWN_BYTES
KNOWN_PLACES = 32
"""Further attributes share the places of the first ones."""

# An input: one field that conditions or captures read
INPUT_NUMBER = 0
INPUT_COLUMN = 8
"""-1: no condition reads it."""
INPUT_MODE = 16
INPUT_CAPTURED = 24
INPUT_ABSENT = 32
"""The class of nil."""
INPUT_INTS = 40
INPUT_INTS_COUNT = 48
INPUT_DOUBLES = 56
INPUT_DOUBLES_COUNT = 64
INPUT_PREFIXES = 72
INPUT_PREFIXES_COUNT = 80
INPUT_SUFFIXES = 88
INPUT_SUFFIXES_COUNT = 96
INPUT_SMALL = 104
"""Classes (int32) of the `SMALL` least ranks or numbers; `MARK` where none is known."""
INPUT_KEPT = 112
"""How many values are remembered as they are although they could be reduced."""
INPUT_RECORD = 120
SMALL = 64
MAX_KEPT = 512

EXACT = 0
REDUCED = 1
MARKING = 2
MARK = -(1 << 31)
"""The class of a column that the whole span must decide, and of a constant that no span had yet."""

# A prefix or suffix (written backwards), in ascending order: address, size, and the number, from 1,
# of the longest other one that it begins with (0: none)
AFFIX_RECORD = 24

# A constant to be known from the start: input, type, address and size of its bytes
CONSTANT_RECORD = 32

# A plain field to classify: source, type of its value, address of its input record
PLAIN_SOURCE = 0
PLAIN_TYPE = 8
PLAIN_INPUT = 16
PLAIN_RECORD = 24

# Sources, multiplied by 16 the offset into PLAIN. The first 16 are of a span.
(
    NAME,
    KIND_NUMBER,
    STATUS_CODE,
    STATUS_MESSAGE,
    TRACE_STATE,
    FLAGS,
    DROPPED_ATTRIBUTES,
    DROPPED_EVENTS,
    DROPPED_LINKS,
    EVENTS,
    LINKS,
    TRACE,
    SPAN,
    PARENT,
    START,
    END,
    RESOURCE_DROPPED,
    SCOPE_NAME,
    SCOPE_VERSION,
    SCOPE_DROPPED,
) = range(0, 20 * 16, 16)
NO_PARENT = 20 * 16
"""Eight zeros, where a span without a parent has its parent's id."""
PLAIN_BYTES = NO_PARENT + 16

# Types of values, and of what they are reduced to
NIL = 0
STRING = 1
BOOL = 2
INT = 3
DOUBLE = 4
LIST = 5
MAP = 6
BYTES = 7
ID = 8
OTHER = 16
"""Added to a type: none of the constants; the longest affixes or the rank of a number say more."""
WHOLE_SPAN = 64

# The place of a span in its request: ResourceSpans and ScopeSpans, offset and size each
GROUP_RECORD = 32

# A captured attribute of a span: row, input, offset and size of its AnyValue
CAPTURE_RECORD = 32
# A captured attribute of a resource or scope: first row, row after the last, input, offset, size
SHARED_RECORD = 40

# A value that no class is known for
MISS_INPUT = 0
"""The input's number; for `WHOLE_SPAN` the column."""
MISS_TYPE = 8
MISS_A = 16
"""Offset, or the number itself (a double's bits)."""
MISS_SIZE = 24
MISS_ENTRY = 32
"""The address of the value's entry that waits for the class, 0 where it has none."""
MISS_GROUP = 40
MISS_WHOLE = 48
"""For `WHOLE_SPAN` where the values of its column begin in `WHOLE_VALUES`; -1: none is there."""
MISS_RECORD = 56

# A marked column: its number, and its sources: address and how many, 0 where some are not kept
MARKED_COLUMN = 0
MARKED_SOURCES = 8
MARKED_SOURCES_COUNT = 16
MARKED_RECORD = 24
# A source: the address of a held value, type -1; or of a plain field, and its type
SOURCE_RECORD = 16
# A held value, or one of `WHOLE_VALUES`: type, number or offset, size
HELD_RECORD = 24

# A slot of a table: the upper half of the hash, and the entry's number plus one (0: free)
SLOT_RECORD = 8
MAX_PROBES = 64
# A known value: what it is (input, type, size), its class, its number or the address of its bytes
VALUE_WHAT = 0
VALUE_A = 8
VALUE_CLASS = 16
VALUE_RECORD = 24
MAX_VALUE_BYTES = 2048
"""Longer values are decided every time."""
# A known combination: its vector, then a row of classes
COMBO_VECTOR = 0
COMBO_CLASSES = 8

MET_PLACES = 1 << 14

MAX_NESTING = 24
"""How deep values may stand in one another before the reference takes over."""
STACK_RECORD = 16

# The schema: for each message type 32 words, one for each field number
SCHEMA_FIELDS = 32
UNKNOWN = 0
PLAIN_NUMBER = 1
BYTES_FIELD = 2
TEXT_FIELD = 3
EXOTIC_FIELD = 4
MESSAGE_FIELD = 16
"""Plus the number of the message type."""
(
    M_REQUEST,
    M_RESOURCE_SPANS,
    M_RESOURCE,
    M_KEY_VALUE,
    M_ANY_VALUE,
    M_ARRAY,
    M_MAP,
    M_SCOPE_SPANS,
    M_SCOPE,
    M_SPAN,
    M_STATUS,
) = range(11)
"""Those that kernels name; more follow as the descriptors need them."""
